import type { Logger } from 'pino';
import type { Batch, BatchFailure } from '../contract/batch.js';
import type { Store } from '../contract/store.js';
import type { ImportProgress } from '../contract/workflow-names.js';
import { coalesce } from './coalesce.js';
import type { BatchRef, ImportWorkflows } from './import-workflows.js';

/** Polling clients ask about once a second; more queries than that only load the workflow (every query is a workflow task). */
const PROGRESS_TTL_MS = 1_000;
/** While a new answer is on its way, which takes 20 to 500 ms on a busy worker, pollers get the one before at once. */
const PROGRESS_STALE_MS = 2_000;

/** How far a batch is. `progress` is there while the workflow runs and answers. */
interface BatchStatus {
  readonly batch: Batch;
  readonly progress: ImportProgress | null;
}

/** Answers the status of a batch of this project; null when there is none, or none that anybody was told of. */
export type ReadStatus = (ref: BatchRef) => Promise<BatchStatus | null>;

const ENDINGS: Readonly<Record<BatchFailure, string>> = {
  cancelled: 'The workflow of the import was cancelled before the item was done',
  terminated: 'The workflow of the import was terminated before the item was done',
  timed_out: 'The workflow of the import ran out of time before the item was done',
  vanished: 'The workflow of the import ended before the item was done',
};

/**
 * Reads a finished batch from MongoDB alone, and a running one from its workflow as well. A batch whose workflow has ended
 * without ending the batch (terminated, timed out, gone) is ended here, so that nobody reads `started` for ever.
 */
export function createReadStatus(deps: {
  store: Pick<Store, 'batches' | 'items'>;
  workflows: ImportWorkflows;
  logger: Logger;
}): ReadStatus {
  const { store, workflows, logger } = deps;

  const end = async ({ projectId, batchId }: BatchRef, failure: BatchFailure): Promise<Batch | null> => {
    // The workflow may have ended the batch since it was read: then its word stands.
    const current = await store.batches.find(projectId, batchId);
    if (current?.state !== 'started') return current;
    logger.warn({ projectId, batchId, failure }, 'the workflow ended without ending its import');
    await store.items.settleOpen(batchId, 'cancelled', ENDINGS[failure]);
    const { success, skipped, failed, bytes } = await store.items.totals(batchId);
    const counts = { success, skipped, failed };
    return store.batches.finish(projectId, batchId, { state: 'failed', failure, counts, bytes, at: new Date() });
  };

  const ask = async (ref: BatchRef): Promise<ImportProgress | BatchFailure | null> => {
    try {
      return await workflows.progress(ref);
    } catch (error) {
      logger.debug({ ...ref, err: error }, 'the workflow did not tell its progress');
    }
    try {
      const found = await workflows.state(ref);
      if (found.state === 'running') return null;
      return found.state === 'missing' ? 'vanished' : found.failure;
    } catch (error) {
      logger.warn({ ...ref, err: error }, 'Temporal cannot be asked, MongoDB alone answers');
      return null;
    }
  };
  const askOnce = coalesce((key) => ask(JSON.parse(key) as BatchRef), {
    ttlMs: PROGRESS_TTL_MS,
    staleMs: PROGRESS_STALE_MS,
  });

  return async (ref) => {
    const batch = await store.batches.find(ref.projectId, ref.batchId);
    if (batch === null || batch.state === 'storing') return null;
    if (batch.state !== 'started') return { batch, progress: null };
    const answer = await askOnce(JSON.stringify({ projectId: ref.projectId, batchId: ref.batchId }));
    if (typeof answer !== 'string') return { batch, progress: answer };
    return { batch: (await end(ref, answer)) ?? batch, progress: null };
  };
}
