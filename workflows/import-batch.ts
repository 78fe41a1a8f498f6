import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  allHandlersFinished,
  CancellationScope,
  ParentClosePolicy,
  condition,
  defineQuery,
  isCancellation,
  patched,
  setHandler,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import type { FinishBatchInput, FinishResult } from '../src/temporal/activity-api.js';
import { STATUS_QUERY, webhookWorkflowId, type ImportBatchInput, type ImportProgress } from '../src/temporal/names.js';
import { attemptWebhook, finishBatch, finishBatchLocally, on, priorityOfWebhook } from './activity-options.js';
import { deliverWebhook } from './deliver-webhook.js';
import { ImportFlow } from './import-flow.js';
import { showState } from './import-report.js';
import { importInRounds } from './import-rounds.js';
import { initialProgress } from './progress.js';

/** The change of 0.3.0: one loop over all that is due, in place of rounds. */
const ONE_LOOP = 'one-loop';
/** Ending an import of so few items is a few writes: see `finishBatchLocally`. */
const FEW_ITEMS = 200;

const statusQuery = defineQuery<ImportProgress>(STATUS_QUERY);

/**
 * Imports one batch, until no item is open. It promises that every item of the batch is settled and the client told, whatever dies
 * on the way. Failures of items are data; a plain Error here is a bug, and the workflow task is retried until a fixed worker is
 * deployed. It never fetches or stores anything itself, and it is told neither URLs nor metadata.
 */
export async function importBatch(input: ImportBatchInput): Promise<FinishResult | null> {
  const flow = new ImportFlow(input, input.resume ?? initialProgress(input, workflowInfo().startTime));
  setHandler(statusQuery, () => flow.status);
  flow.control.listen();
  const { projectId, batchId, itemCount } = input;

  try {
    if (!patched(ONE_LOOP)) {
      const end = await importInRounds(input, flow);
      if (end === 'missing') return null;
      if (end === 'done') {
        const result = await conclude(input, flow, await finish({ projectId, batchId, outcome: 'success' }, false));
        if (!flow.continuesAfterEnd()) return result;
      }
    }
    for (let last: FinishResult | null = null; ;) {
      const end = await flow.run();
      if (end === 'missing') return null;
      if (end === 'ended') return last;
      flow.control.isEnding = true;
      const { startedAt } = flow.status;
      const ending = { projectId, batchId, outcome: 'success' as const, startedAt, mayBeOpen: true };
      const result = end === 'done' ? await finish(ending, itemCount <= FEW_ITEMS) : end;
      if (result.open === undefined) {
        last = await conclude(input, flow, result);
        await condition(allHandlersFinished);
        if (!flow.continuesAfterEnd()) return last;
        showState('started');
      }
      // Something that a crash left uncounted, or that was opened again meanwhile.
      else flow.lookAgain();
      flow.control.isEnding = false;
    }
  } catch (failure) {
    if (!isCancellation(failure)) throw failure;
    await CancellationScope.nonCancellable(async () => {
      await flow.drained();
      await condition(allHandlersFinished);
      await conclude(input, flow, await finish({ projectId, batchId, outcome: 'cancelled' }, false));
    });
    throw failure;
  }
}

/** Ends the batch. Once begun, a cancellation does not stop it half-way. */
function finish(input: FinishBatchInput, isShort: boolean): Promise<FinishResult> {
  return CancellationScope.nonCancellable(() =>
    isShort
      ? finishBatchLocally(input)
      : finishBatch.executeWithOptions({ activityId: 'finish', summary: input.outcome }, [input]),
  );
}

/** Shows how the import ended, and sees to it that the client is told. */
function conclude(input: ImportBatchInput, flow: ImportFlow, result: FinishResult): Promise<FinishResult> {
  return CancellationScope.nonCancellable(async () => {
    flow.report.ended(result, flow.known);
    if (result.webhook !== null) await tell(input, result.webhook);
    return result;
  });
}

/**
 * Delivers the webhook message: the first attempt at once, all others in a workflow of their own. A receiver that is down for three
 * days must not keep the import open.
 */
async function tell(
  { projectId, batchId }: ImportBatchInput,
  { generation, ...webhook }: NonNullable<FinishResult['webhook']>,
): Promise<void> {
  const message = { projectId, batchId, webhookId: webhook.webhookId };
  let next = { attempt: 1, delayMs: webhook.delayMs };
  if (webhook.delayMs === 0 && patched('first-attempt-here')) {
    const options = { activityId: 'webhook-1', summary: 'first attempt at the webhook', ...on('webhooks') };
    const { state, delayMs } = await attemptWebhook.executeWithOptions({ ...options, priority: priorityOfWebhook() }, [
      { ...message, attempt: 1, isByImport: true },
    ]);
    if (state !== 'pending') return;
    next = { attempt: 2, delayMs };
  }
  try {
    await startChild(deliverWebhook, {
      workflowId: webhookWorkflowId(projectId, batchId, generation),
      parentClosePolicy: ParentClosePolicy.ABANDON,
      staticSummary: `webhook of ${batchId}`,
      priority: priorityOfWebhook(),
      args: [{ ...message, ...next }],
    });
  } catch (failure) {
    // It is the same message, which is under way already: there is nothing to add.
    if (!(failure instanceof WorkflowExecutionAlreadyStartedError)) throw failure;
  }
}
