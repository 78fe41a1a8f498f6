import type { Logger } from 'pino';
import type { Batch } from '../domain/import.js';
import type { ImportProgress } from '../temporal/names.js';
import { coalesce } from './coalesce.js';
import { createEndImport, type EndImportDeps } from './end-import.js';
import { outageOf, type BatchRef, type ImportWorkflows } from '../temporal/client.js';

/** Polling clients ask about once a second; more queries than that only load the workflow (every query is a workflow task). */
const PROGRESS_TTL_MS = 1_000;
/** While a new answer is on its way, which takes 20 to 500 ms on a busy worker, pollers get the one before at once. */
const PROGRESS_STALE_MS = 2_000;

/** How far a batch is. `progress` is there while the workflow runs and answers. */
interface BatchStatus {
  readonly batch: Batch;
  readonly progress: ImportProgress | null;
}

/** Null when nothing more is known than that the import may go on; `ended` when its workflow has ended. */
export type AskProgress = (ref: BatchRef) => Promise<ImportProgress | 'ended' | null>;

/** Answers the status of a batch of this project; null when there is none, or none that anybody was told of. */
export type ReadStatus = (ref: BatchRef) => Promise<BatchStatus | null>;

/** Asks the workflow of an import how far it is; at most once a second for each, whatever the number of askers. */
export function createAskProgress({
  workflows,
  logger,
}: {
  readonly workflows: Pick<ImportWorkflows, 'progress' | 'state'>;
  readonly logger: Logger;
}): AskProgress {
  const ask: AskProgress = async (ref) => {
    try {
      return await workflows.progress(ref);
    } catch (error) {
      logger.debug({ ...ref, err: error }, 'the workflow did not tell its progress');
    }
    try {
      return (await workflows.state(ref)).state === 'running' ? null : 'ended';
    } catch (error) {
      logger.warn({ ...ref, err: error }, 'Temporal cannot be asked, MongoDB alone answers');
      return null;
    }
  };
  const askOnce = coalesce((key) => ask(JSON.parse(key) as BatchRef), {
    ttlMs: PROGRESS_TTL_MS,
    staleMs: PROGRESS_STALE_MS,
  });
  return ({ projectId, batchId }) => askOnce(JSON.stringify({ projectId, batchId }));
}

/**
 * Reads a finished batch from MongoDB alone, and a running one from its workflow as well. A batch whose workflow has ended
 * without ending the batch (terminated, timed out, gone) is ended here, so that a poller need not wait for the reconciler.
 */
export function createReadStatus(
  deps: EndImportDeps & { workflows: Pick<ImportWorkflows, 'progress'>; logger: Logger },
  askProgress: AskProgress = createAskProgress(deps),
): ReadStatus {
  const { store, logger } = deps;
  const endImport = createEndImport(deps);

  const end = async (ref: BatchRef, batch: Batch): Promise<Batch> => {
    try {
      return (await endImport(ref)) ?? batch;
    } catch (error) {
      if (outageOf(error) !== 'temporal') throw error;
      logger.warn({ ...ref, err: error }, 'Temporal cannot be asked, MongoDB alone answers');
      return batch;
    }
  };

  return async (ref) => {
    const batch = await store.batches.find(ref.projectId, ref.batchId);
    if (batch === null || batch.state === 'storing') return null;
    if (batch.state !== 'started') return { batch, progress: null };
    const answer = await askProgress(ref);
    // This answer may be seconds old, and a reset may have revived the import since: it is looked at anew before it is ended.
    if (answer === 'ended') return { batch: await end(ref, batch), progress: null };
    return { batch, progress: answer };
  };
}
