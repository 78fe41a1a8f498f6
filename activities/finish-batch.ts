import { Context } from '@temporalio/activity';
import type { FinishBatchInput, FinishResult } from '../src/temporal/activity-api.js';
import { REASONS } from '../src/domain/errors.js';
import { webhookMessage } from '../src/webhook/body.js';
import { troublesOf } from './plan-work.js';
import { withHeartbeat, type ActivityDeps, type Beat } from './deps.js';

/** The activity of `finishBatch`. */
export function createFinishBatch(deps: ActivityDeps) {
  return (input: FinishBatchInput): Promise<FinishResult> =>
    withHeartbeat((_signal, beat) => finishBatch(deps, input, beat));
}

/**
 * Ends a batch: settles what a cancellation left open, counts from the items themselves, and opens the webhook message. Doing
 * it again, after a crash or a reset, changes nothing and answers the same.
 * @throws when an open item is left although the import ran to its end, unless the caller asked to be told
 */
export async function finishBatch(
  deps: ActivityDeps,
  { projectId, batchId, outcome, startedAt, mayBeOpen = false }: FinishBatchInput,
  beat?: Beat,
): Promise<FinishResult> {
  const { batches, items, deliveries, retries } = deps.store;
  if (outcome === 'cancelled') {
    // Before the items: a retry that is recorded later meets an import that has ended, and opens it again.
    await retries.withdrawPending(batchId);
    await items.settleOpen(batchId, 'cancelled', REASONS.cancelled.title, beat);
  }
  const { open, bytes, ...counts } = await items.totals(batchId, beat);
  // Cancelled before it was planned, and refused by its gateway meanwhile: no client was told of it.
  if (outcome === 'cancelled' && (await batches.find(projectId, batchId)) === null)
    return { state: 'failed', counts, webhook: null };
  if (open > 0 && mayBeOpen) return { state: 'started', counts, webhook: null, open };
  if (open > 0) throw new Error(`${open} items are still open at the end of the batch`);

  if (counts.failed > 0) await items.summarizeFailures(batchId, beat);
  const failure =
    outcome === 'cancelled'
      ? ({ state: 'failed', failure: 'cancelled', ...currentRun() } as const)
      : { state: 'success' as const };
  const began = startedAt === undefined ? {} : { startedAt: new Date(startedAt) };
  const batch = await batches.finish(projectId, batchId, { ...failure, counts, bytes, at: new Date(), ...began });
  if (batch === null) throw new Error('The batch to finish does not exist');
  deps.metrics.batchFinished(batch.kind, batch.state);
  deps.logger.info({ projectId, batchId, state: batch.state, ...counts, bytes }, 'import ended');
  const failures = counts.failed === 0 ? {} : { failures: await troublesOf(deps, batchId) };
  if (batch.webhook === undefined) return { state: batch.state, counts, ...failures, webhook: null };

  const message = webhookMessage(batch);
  await deliveries.open(message);
  const { _id: webhookId, generation } = message;
  const delayMs = deps.webhook.scheduleMs[0] ?? 0;
  return { state: batch.state, counts, ...failures, webhook: { webhookId, delayMs, generation } };
}

/** Which run ended the batch, so that a later one, started by a reset, can be told from it. */
function currentRun(): { endedRunId?: string } {
  const runId = Context.current().info.workflowExecution?.runId;
  return runId === undefined ? {} : { endedRunId: runId };
}
