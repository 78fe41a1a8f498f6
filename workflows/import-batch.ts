import { WorkflowExecutionAlreadyStartedError, defineSearchAttributeKey } from '@temporalio/common';
import {
  CancellationScope,
  ParentClosePolicy,
  continueAsNew,
  defineQuery,
  isCancellation,
  setHandler,
  sleep,
  startChild,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { FinishBatchInput, FinishResult, RoundPlan } from '../src/contract/activity-types.js';
import { STATUS_QUERY, webhookWorkflowId } from '../src/contract/workflow-names.js';
import type { ImportBatchInput, ImportProgress } from '../src/contract/workflow-names.js';
import { finishBatch, importItem, planRound, sweepPage } from './activity-options.js';
import { deliverWebhook } from './deliver-webhook.js';
import { inLanes } from './lanes.js';
import { initialProgress, withItem, withPlan, withSweep } from './progress.js';
import { turnOfItem, turnOfWebhook } from './turns.js';

/** Items with an activity of their own at a time: more cost workflow task time faster than they save any. */
const ITEM_LANES = 50;
/** Pages at a time: 8 × 50 items keep two workers busy, and a cancellation has little to wait for. */
const PAGE_LANES = 8;

const statusQuery = defineQuery<ImportProgress>(STATUS_QUERY);
const importState = defineSearchAttributeKey('ImportState', 'KEYWORD');

/**
 * Imports one batch: rounds over all items that are still open, until none is. It promises that every item of the batch is
 * settled and the client told, whatever dies on the way. Failures of items are data; a plain Error here is a bug, and the
 * workflow task is retried until a fixed worker is deployed. It never fetches or stores anything itself, and it is told
 * neither URLs nor metadata.
 */
export async function importBatch(input: ImportBatchInput): Promise<FinishResult | null> {
  let progress = input.resume ?? initialProgress(input, workflowInfo().startTime);
  setHandler(statusQuery, () => progress);
  const { projectId, batchId } = input;

  const runPlan = async (plan: RoundPlan): Promise<void> => {
    await inLanes(plan.pages, PAGE_LANES, async ([fromSeq, toSeq]) => {
      const summary = `items ${fromSeq}–${toSeq}`;
      const activityId = `page-${fromSeq}-${toSeq}`;
      const swept = await sweepPage.executeWithOptions({ activityId, summary }, [
        { projectId, batchId, fromSeq, toSeq },
      ]);
      progress = withSweep(progress, swept);
    });
    await inLanes(plan.items, ITEM_LANES, async ({ seq, host }) => {
      const summary = `item ${seq} · ${host}`;
      const options = { activityId: `item-${seq}`, summary, priority: turnOfItem() };
      const done = await importItem.executeWithOptions(options, [{ projectId, batchId, seq }]);
      progress = withItem(progress, done);
    });
  };

  try {
    for (;;) {
      const plan = await planRound.executeWithOptions(planOptions(progress), [
        { projectId, batchId, fromSeq: progress.nextSeq },
      ]);
      if (plan.missing) return null;
      progress = withPlan(progress, plan);
      await runPlan(plan);
      if (plan.totals.open === 0) break;
      if (plan.waitMs > 0) await sleep(plan.waitMs);
      // Lanes have drained: nothing is in flight whose result the next run would miss.
      if (workflowInfo().continueAsNewSuggested)
        await continueAsNew<typeof importBatch>({ ...input, resume: progress });
    }
  } catch (failure) {
    if (!isCancellation(failure)) throw failure;
    await finish({ projectId, batchId, outcome: 'cancelled' });
    throw failure;
  }
  return finish({ projectId, batchId, outcome: 'success' });
}

/** What an operator reads in the Temporal UI about a plan; a long round has several. */
function planOptions({ round, nextSeq }: ImportProgress): { activityId: string; summary: string } {
  if (nextSeq === 0) return { activityId: `plan-${round + 1}`, summary: `round ${round + 1}` };
  return { activityId: `plan-${round}-from-${nextSeq}`, summary: `round ${round}, from item ${nextSeq}` };
}

/** Ends the batch and hands its webhook to a workflow of its own. Once begun, a cancellation does not stop it half-way. */
function finish(input: FinishBatchInput): Promise<FinishResult> {
  return CancellationScope.nonCancellable(async () => {
    const options = { activityId: 'finish', summary: input.outcome };
    const result = await finishBatch.executeWithOptions(options, [input]);
    upsertSearchAttributes([{ key: importState, value: result.state }]);
    if (result.webhook !== null) await handOver(input, result.webhook);
    return result;
  });
}

async function handOver(
  { projectId, batchId }: FinishBatchInput,
  webhook: { webhookId: string; delayMs: number },
): Promise<void> {
  try {
    await startChild(deliverWebhook, {
      workflowId: webhookWorkflowId(projectId, batchId),
      // A receiver that is down for three days must not keep the batch open.
      parentClosePolicy: ParentClosePolicy.ABANDON,
      staticSummary: `webhook of ${batchId}`,
      priority: turnOfWebhook(),
      args: [{ projectId, batchId, ...webhook }],
    });
  } catch (failure) {
    // After a reset the delivery may still be under way; it is the same message, so there is nothing to add.
    if (!(failure instanceof WorkflowExecutionAlreadyStartedError)) throw failure;
  }
}
