import type { Logger } from 'pino';
import { priorityOf, type Batch, type BatchFailure } from '../domain/import.js';
import type { Store } from '../store/store.js';
import { webhookMessage } from '../webhook/body.js';
import type { BatchRef, ImportWorkflows, WorkflowState } from '../temporal/client.js';

/** A third of the lease: two renewals in a row may be lost. */
const RENEW_MS = 10_000;

const ENDINGS: Readonly<Record<BatchFailure, string>> = {
  cancelled: 'The workflow of the import was cancelled before the item was done',
  terminated: 'The workflow of the import was terminated before the item was done',
  timed_out: 'The workflow of the import ran out of time before the item was done',
  vanished: 'The workflow of the import ended before the item was done',
};

export interface EndImportDeps {
  readonly store: Pick<Store, 'batches' | 'items' | 'deliveries' | 'retries'>;
  readonly workflows: Pick<ImportWorkflows, 'state' | 'deliver'>;
  readonly logger: Logger;
}

/**
 * Ends an import whose workflow has ended without doing so, and tells its client; does nothing to any other. Answers the batch as it
 * stands afterwards, null when there is none. Calling it again completes what a call that died has left.
 * @throws Outage when Temporal cannot say whether the workflow runs; whatever the store throws
 */
export type EndImport = (ref: BatchRef) => Promise<Batch | null>;

/**
 * Creates EndImport, the one place where an import is ended from outside its workflow. Several gateways may call it at once. A
 * reset may revive the import at any moment: the workflow is asked here and never remembered, once more when the lease is held, and
 * a run that starts after that waits for the end before it opens the import again (`activities/plan-work.ts`).
 */
export function createEndImport({ store, workflows, logger }: EndImportDeps): EndImport {
  const { batches, items, deliveries, retries } = store;

  const deadRun = async (ref: BatchRef): Promise<DeadRun | null> => deadRunOf(await workflows.state(ref));

  /** Whether the run that is dead is the one before a retry, whose own run is still to be started: by the reconciler, if by nobody else. */
  const isBetweenRuns = async ({ projectId, _id: batchId, retryStart }: Batch, run: DeadRun): Promise<boolean> => {
    if (retryStart === undefined || retryStart.afterRunId !== run.runId) return false;
    return (await retries.findPending({ projectId, batchId, number: retryStart.number })) !== null;
  };

  const whileRenewed = async <T>(batch: Batch, work: () => Promise<T>): Promise<T> => {
    const timer = setInterval(() => {
      batches.keepEnding(batch).catch((error: unknown) => {
        logger.warn({ batchId: batch._id, err: error }, 'could not renew the lease to end an import');
      });
    }, RENEW_MS);
    try {
      return await work();
    } finally {
      clearInterval(timer);
    }
  };

  const settle = async (batch: Batch, { failure }: DeadRun): Promise<Batch | null> => {
    const { projectId, _id: batchId } = batch;
    await items.settleOpen(batchId, 'cancelled', ENDINGS[failure]);
    const { success, skipped, failed, bytes } = await items.totals(batchId);
    if (failed > 0) await items.summarizeFailures(batchId);
    const counts = { success, skipped, failed };
    const end = { state: 'failed', failure, counts, bytes, at: new Date() } as const;
    return batches.finish(projectId, batchId, end, batch);
  };

  /** Opens the webhook message and starts its delivery; the reconciler starts it when Temporal is away. */
  const tell = async (batch: Batch): Promise<void> => {
    const { projectId, _id: batchId, webhook } = batch;
    if (webhook === undefined) {
      await batches.leaveEnding(batch);
      return;
    }
    const message = webhookMessage(batch);
    await deliveries.open(message);
    const { _id: webhookId, generation } = message;
    await batches.leaveEnding(batch);
    try {
      await workflows.deliver({ projectId, batchId, webhookId }, generation, priorityOf(batch));
      await deliveries.markStarted(webhookId);
    } catch (error) {
      logger.warn({ projectId, batchId, err: error }, 'could not start the delivery of a webhook');
    }
  };

  return async (ref) => {
    const batch = await batches.find(ref.projectId, ref.batchId);
    if (batch?.state === 'failed' && batch.endingAt !== undefined) await tell(batch);
    if (batch?.state !== 'started') return batch;
    const run = await deadRun(ref);
    if (run === null || (await isBetweenRuns(batch, run))) return batch;
    if (!(await batches.beginEnd(batch, run.runId))) return batches.find(ref.projectId, ref.batchId);
    return whileRenewed(batch, async () => {
      if ((await deadRun(ref))?.runId !== run.runId) {
        await batches.leaveEnding(batch);
        return batch;
      }
      logger.warn({ ...ref, failure: run.failure }, 'the workflow ended without ending its import');
      const ended = await settle(batch, run);
      if (ended?.state === 'failed' && ended.endingAt !== undefined) await tell(ended);
      return ended;
    });
  };
}

interface DeadRun {
  readonly failure: BatchFailure;
  /** Absent when Temporal does not know the workflow. */
  readonly runId?: string;
}

function deadRunOf(found: WorkflowState): DeadRun | null {
  if (found.state === 'running') return null;
  return found.state === 'missing' ? { failure: 'vanished' } : { failure: found.failure, runId: found.runId };
}
