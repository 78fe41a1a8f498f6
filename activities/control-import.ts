import type { MarkPausedInput, ReopenFailedInput, ReopenFailedResult } from '../src/temporal/activity-api.js';
import type { Batch } from '../src/domain/import.js';
import type { Retry } from '../src/domain/retry.js';
import { withHeartbeat, type ActivityDeps, type Beat } from './deps.js';

/** Shows in the database whether an import is paused. It may run twice: the workflow calls it for one change after the other. */
export function createMarkPaused(deps: ActivityDeps) {
  return async ({ batchId, since }: MarkPausedInput): Promise<void> =>
    deps.store.batches.markPaused(batchId, since === null ? null : new Date(since));
}

/**
 * Performs a retry: opens all failed items again that match it, and the batch as well if it has ended. It may run twice, and after
 * the retry was performed: no item is opened twice by the same retry.
 */
export function createReopenFailed(deps: ActivityDeps) {
  return ({ projectId, batchId, retry: number }: ReopenFailedInput): Promise<ReopenFailedResult> =>
    withHeartbeat(async (signal, beat) => {
      const { batches, items, retries } = deps.store;
      // Before the retry: one that is pending now was pending when this end of the batch was read.
      const found = await batches.find(projectId, batchId);
      const retry = await retries.findPending({ projectId, batchId, number });
      const reopened = found === null || retry === null ? 0 : await perform(deps, found, retry, { signal, beat });
      const batch = await batches.find(projectId, batchId);
      const totals = await items.totals(batchId, beat);
      const outcome = batch === null ? 'missing' : batch.finishedAt === undefined ? 'open' : 'ended';
      return { outcome, reopened, totals };
    });
}

/** @throws Error while a gateway is ending the batch: the activity is repeated when it is done; the reason of `signal` */
async function perform(
  deps: ActivityDeps,
  batch: Batch,
  retry: Retry,
  { signal, beat }: { readonly signal: AbortSignal; readonly beat: Beat },
): Promise<number> {
  const { batches, retries } = deps.store;
  const { number, projectId, batchId } = retry;
  const isOpen =
    !(await batches.isBeingEnded(batchId)) &&
    (batch.finishedAt === undefined || (await batches.reopenForRetry(batch, { number })));
  if (!isOpen) throw new Error('The import is being ended; the retry is made when that is done');
  await batches.markRetried(batchId);
  let reopened = 0;
  for (let from: number | null = 0; from !== null;) {
    signal.throwIfAborted();
    const chunk = await retries.match(batch, retry, from, number);
    reopened += await retries.reopenItems(retry, chunk.eligible);
    from = chunk.nextSeq;
    beat({ reopened });
  }
  await retries.complete({ projectId, batchId, number });
  deps.logger.info({ projectId, batchId, retry: number, reopened }, 'opened failed items again');
  return reopened;
}
