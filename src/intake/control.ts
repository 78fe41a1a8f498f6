import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { ApiError } from '../domain/api-error.js';
import { priorityOf, type Batch } from '../domain/import.js';
import type { FailedItem, NotEligible, Retry, RetryRef } from '../domain/retry.js';
import type { Store } from '../store/store.js';
import { outageOf, type BatchRef, type ImportWorkflows } from '../temporal/client.js';
import { createEndImport } from './end-import.js';

export interface ControlDeps {
  readonly store: Pick<Store, 'batches' | 'items' | 'deliveries' | 'retries'>;
  readonly workflows: Pick<ImportWorkflows, 'state' | 'deliver' | 'setPaused' | 'cancel' | 'retry'>;
  readonly logger: Logger;
}

/** What a retry would do. */
export interface RetryPreview {
  readonly matched: number;
  readonly notEligible: readonly { readonly code: string; readonly count: number; readonly why: string }[];
  readonly samples: readonly Pick<FailedItem, 'seq' | 'externalId' | 'code' | 'host' | 'reason'>[];
}

/** What operators do to an import. An import that has ended, or that an action does not fit, is a 409 that tells its state. */
export interface ImportControls {
  /** Answers whether that changed anything. @throws ApiError 409, 503; Outage */
  setPaused(batch: Batch, isPaused: boolean): Promise<boolean>;
  /** Answers whether that changed anything. @throws ApiError 409; whatever the store throws */
  cancel(batch: Batch): Promise<boolean>;
  /** @throws whatever the store throws */
  preview(batch: Batch, wanted: Pick<Retry, 'selector' | 'changes'>): Promise<RetryPreview>;
  /** Resolves when the retry is durable: it will be performed, whoever dies. @throws ApiError 409; whatever the store throws */
  retry(
    batch: Batch,
    wanted: Pick<Retry, 'selector' | 'changes' | 'actionId'>,
  ): Promise<Pick<Retry, 'number' | 'matched'>>;
}

/** Items that a preview shows. */
const SAMPLES = 10;
/** An import with little under way ends within this; others are shown as they are, and end later. */
const CANCEL_WAIT_MS = 3_000;
const LOOK_MS = 100;
/** A worker that restarts is back within some seconds. */
const RETRY_AFTER = { 'Retry-After': '5' };

const WHY: Readonly<Record<NotEligible, string>> = {
  superseded: 'A newer import has written this media since',
  source_removed: 'The URL of the item is not stored any more; give it a new one',
};

/** Creates ImportControls over the store and the workflow engine. */
export function createImportControls(deps: ControlDeps): ImportControls {
  const { store, workflows, logger } = deps;
  const { batches, retries } = store;
  const endImport = createEndImport(deps);
  const takeUpRetry = createTakeUpRetry(deps);

  /** The batch as it is now; one whose run has ended without telling is ended first. */
  const current = async (batch: Batch): Promise<Batch> => {
    const ref = refOf(batch);
    try {
      const now = await endImport(ref);
      return now ?? batch;
    } catch (error) {
      if (outageOf(error) !== 'temporal') throw error;
      return (await batches.find(ref.projectId, ref.batchId)) ?? batch;
    }
  };

  const measure = async (batch: Batch, wanted: Pick<Retry, 'selector' | 'changes'>): Promise<RetryPreview> => {
    const counts = new Map<string, { code: string; count: number; why: string }>();
    const samples: RetryPreview['samples'][number][] = [];
    let matched = 0;
    for (let from: number | null = 0; from !== null;) {
      const chunk = await retries.match(batch, wanted, from);
      matched += chunk.eligible.length;
      for (const { attempts: _, ...item } of chunk.eligible.slice(0, SAMPLES - samples.length)) samples.push(item);
      for (const { why, item } of chunk.notEligible) {
        const code = item.code ?? '';
        const known = counts.get(`${code}/${why}`) ?? { code, count: 0, why: WHY[why] };
        counts.set(`${code}/${why}`, { ...known, count: known.count + 1 });
      }
      from = chunk.nextSeq;
    }
    return { matched, notEligible: [...counts.values()].sort((a, b) => b.count - a.count), samples };
  };

  return {
    async setPaused(batch, isPaused) {
      if (hasEnded(batch)) throw conflict(batch, 'The import has ended');
      const outcome = await workflows.setPaused(refOf(batch), isPaused);
      if (outcome === 'changed' || outcome === 'unchanged') return outcome === 'changed';
      const now = await current(batch);
      if (hasEnded(now)) throw conflict(now, 'The import has ended');
      if (outcome === 'cancelled') throw conflict(now, 'The import is being cancelled');
      const why = outcome === 'no_answer' ? 'No worker has taken the request in time; it may still take effect' : null;
      throw new ApiError(
        503,
        why === null ? { import: 'The import is just beginning or ending' } : { worker: why },
        RETRY_AFTER,
      );
    },

    async cancel(batch) {
      if (batch.state === 'failed' && batch.failure === 'cancelled') return false;
      if (hasEnded(batch)) throw conflict(batch, 'The import has ended');
      const ref = refOf(batch);
      // Before Temporal is asked: the reconciler asks again until the import has ended.
      const isNew = await batches.askCancel(ref.batchId);
      try {
        if ((await workflows.cancel(ref)) === 'ended') await endImport(ref);
      } catch (error) {
        if (outageOf(error) !== 'temporal') throw error;
        logger.warn({ ...ref, err: error }, 'Temporal cannot be asked to cancel; the reconciler will');
        return isNew;
      }
      const until = Date.now() + CANCEL_WAIT_MS;
      while (Date.now() < until) {
        await sleep(LOOK_MS);
        const now = await batches.find(ref.projectId, ref.batchId);
        if (now === null || hasEnded(now)) break;
      }
      return isNew;
    },

    preview: measure,

    async retry(given, wanted) {
      const { actionId } = wanted;
      const batch = await current(given);
      const ref = refOf(batch);
      const known = await retries.findByAction(ref.batchId, actionId);
      if (known !== null) {
        await notified(takeUpRetry, { ...ref, number: known.number }, logger);
        return known;
      }
      if (batch.cancelAskedAt !== undefined && !hasEnded(batch)) throw conflict(batch, 'The import is being cancelled');
      const { matched, notEligible } = await measure(batch, wanted);
      if (matched === 0)
        throw new ApiError(409, {
          import: 'No failed item that can be retried matches',
          ...(notEligible.length > 0 && { notEligible }),
        });
      const number = await retries.nextNumber(ref.batchId);
      await retries.record({ ...ref, ...wanted, number, matched });
      await notified(takeUpRetry, { ...ref, number }, logger);
      return { number, matched };
    },
  };
}

/**
 * Has a pending retry taken up by the run of its import, or by a new one when the import has ended; then the import is started again
 * before that. Calling it again completes what a call that died has left, and does nothing once the retry was performed.
 * @throws Outage; whatever the store throws
 */
export type TakeUpRetry = (ref: RetryRef) => Promise<void>;

/** Creates TakeUpRetry; gateways and their reconcilers may call it at once. */
export function createTakeUpRetry({
  store,
  workflows,
}: {
  readonly store: Pick<Store, 'batches' | 'retries'>;
  readonly workflows: Pick<ImportWorkflows, 'state' | 'retry'>;
}): TakeUpRetry {
  const { batches, retries } = store;
  return async ({ projectId, batchId, number }) => {
    // The batch first: what is pending afterwards was pending at this end of the batch.
    const batch = await batches.find(projectId, batchId);
    if ((await retries.findPending({ projectId, batchId, number })) === null) return;
    if (batch === null) {
      await retries.removeAll(batchId);
      return;
    }
    if (hasEnded(batch)) {
      const run = await workflows.state({ projectId, batchId });
      await batches.reopenForRetry(batch, { number, ...(run.state !== 'missing' && { afterRunId: run.runId }) });
    }
    const { kind, itemCount } = batch;
    await workflows.retry({ projectId, batchId, kind, itemCount, retry: number }, priorityOf(batch));
  };
}

/** The retry is recorded, so the reconciler repeats what cannot be done now. */
async function notified(takeUpRetry: TakeUpRetry, ref: RetryRef, logger: Logger): Promise<void> {
  try {
    await takeUpRetry(ref);
  } catch (error) {
    if (outageOf(error) !== 'temporal') throw error;
    logger.warn({ ...ref, err: error }, 'Temporal cannot be told of a retry; the reconciler will tell it');
  }
}

function refOf({ _id: batchId, projectId }: Batch): BatchRef {
  return { projectId, batchId };
}

function hasEnded({ state }: Batch): boolean {
  return state === 'success' || state === 'failed';
}

function conflict(batch: Batch, sentence: string): ApiError {
  const state = hasEnded(batch) ? batch.state : 'started';
  return new ApiError(409, { import: sentence, state });
}
