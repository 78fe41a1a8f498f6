import type { Logger } from 'pino';
import { ApiError } from '../contract/api-error.js';
import type { Batch } from '../contract/batch.js';
import { newBatchId } from '../contract/ids.js';
import type { Reach } from '../contract/crash-points.js';
import type { ImportRequest } from '../contract/import-request.js';
import type { ItemSpec } from '../contract/item.js';
import type { Kind } from '../contract/kinds.js';
import { priorityOf } from '../contract/priority.js';
import type { KeyClaim, Store } from '../contract/store.js';
import type { GatewayMetrics } from '../telemetry/gateway-metrics.js';
import type { ImportWorkflows } from './import-workflows.js';
import { outageOf } from './outage.js';

/** Small enough that the touch after each chunk keeps a slow POST from looking abandoned. */
const CHUNK = 1_000;
/** A storing batch that was touched this recently belongs to a POST that is still being handled. */
const STORING_MS = 30_000;

export interface AcceptInput {
  readonly projectId: string;
  readonly kind: Kind;
  readonly request: ImportRequest;
  /** The client's Idempotency-Key, with a hash of all that the request says. */
  readonly idempotency?: Idempotency;
}

interface Idempotency {
  readonly key: string;
  readonly bodyHash: string;
}

interface Accepted {
  readonly batchId: string;
  /** The same request had been accepted before. */
  readonly isReplay: boolean;
}

/**
 * Accepts a validated POST: resolves only after batch, items and workflow are durable. When the workflow engine or MongoDB
 * cannot be reached nothing is left behind, as far as MongoDB lets itself be told; the reconciler removes the rest.
 * @throws ApiError 409 (the first POST with the key is still being handled), 422 (the key belongs to another body);
 * 503 (storing was interrupted for
 * so long that the import was given up); Outage or a driver error that `outageOf` knows
 */
export type AcceptBatch = (input: AcceptInput) => Promise<Accepted>;

export interface AcceptDeps {
  readonly store: Store;
  readonly workflows: ImportWorkflows;
  readonly metrics: Pick<GatewayMetrics, 'batchAccepted'>;
  readonly logger: Logger;
  /** Told wherever a crash must do no harm. */
  readonly reach: Reach;
}

/** Creates AcceptBatch over the store and the workflow engine. */
export function createAcceptBatch(deps: AcceptDeps): AcceptBatch {
  const { store, workflows, metrics, logger, reach } = deps;

  /** What a POST does after the import is safe, or after it is lost: the reconciler or a time limit makes up for it. */
  const tryTo = async (what: string, batchId: string, step: Promise<unknown>) => {
    try {
      await step;
    } catch (error) {
      logger.warn({ batchId, err: error }, `could not ${what}`);
    }
  };

  const remove = async (batchId: string) => {
    await store.items.removeAll(batchId);
    await store.batches.remove(batchId);
  };

  /**
   * Takes back what a refused POST had stored. The key is freed last: as long as something may be left of the import, it leads
   * back to it. Answers false when the import has begun after all.
   */
  const undo = async (batchId: string, { projectId, idempotency }: AcceptInput): Promise<boolean> => {
    try {
      if (!(await store.batches.refuse(batchId))) return false;
      await remove(batchId);
      if (idempotency !== undefined) await store.idempotencyKeys.release(projectId, idempotency.key);
    } catch (error) {
      logger.warn({ batchId, err: error }, 'could not undo an import that was refused');
    }
    return true;
  };

  /** The import was given up while it was stored: whoever did that removes it, or has stored it anew under the same id. */
  const leave = async (batchId: string, { projectId }: AcceptInput) => {
    if ((await store.batches.find(projectId, batchId)) === null) await store.items.removeAll(batchId);
  };

  const storeItems = async (batch: Batch, items: readonly ItemSpec[]) => {
    for (let from = 0; from < items.length; from += CHUNK) {
      if (from > 0) await store.batches.touch(batch._id);
      await store.items.insertMany(batch, items.slice(from, from + CHUNK));
    }
  };

  const run = async (batchId: string, input: AcceptInput) => {
    const { projectId, kind, request } = input;
    const { items, ...envelope } = request;
    const at = new Date();
    try {
      const importSeq = await store.batches.nextImportSeq(projectId);
      const ids = { _id: batchId, projectId, kind, importSeq, itemCount: items.length };
      const batch: Batch = { ...ids, ...envelope, state: 'storing', createdAt: at, touchedAt: at };
      await store.batches.insert(batch);
      reach('after_batch_before_items');
      await storeItems(batch, items);
      reach('after_items_before_accept');
      if (!(await store.batches.markAccepted(batchId, items.length))) throw new GivenUp();
      reach('after_accept_before_start');
      await workflows.start({ projectId, batchId, kind, itemCount: items.length }, priorityOf(batch));
      reach('after_start_before_answer');
    } catch (error) {
      if (error instanceof GivenUp) {
        await tryTo('remove the items of an import that was given up', batchId, leave(batchId, input));
        throw error;
      }
      // With MongoDB away the client would wait for one time limit after another.
      const isAway = outageOf(error) === 'mongodb';
      const undone = undo(batchId, input);
      if (isAway) void undone;
      // The workflow had begun although its start was not confirmed: the import is as durable as any.
      else if (!(await undone)) return;
      throw error;
    }
    metrics.batchAccepted(kind, items.length);
    await tryTo('note that the import is started', batchId, store.batches.markStarted(batchId, new Date()));
  };

  /** A claim taken over from a POST that died: answers whether that POST had got through after all. */
  const wasAccepted = async (projectId: string, batchId: string): Promise<boolean> => {
    const batch = await store.batches.find(projectId, batchId);
    if (batch === null) return false;
    if (batch.state !== 'storing') return true;
    if (Date.now() - batch.touchedAt.getTime() < STORING_MS) throw busy();
    if (!(await store.batches.giveUp(batch))) throw busy();
    await remove(batchId);
    return false;
  };

  /** A key that a POST with another body has left behind without getting through is as good as new. */
  const claimKey = async (projectId: string, { key, bodyHash }: Idempotency, proposed: string): Promise<KeyClaim> => {
    const claim = await store.idempotencyKeys.claim(projectId, key, bodyHash, proposed);
    if (claim.outcome !== 'lapsed' || (await wasAccepted(projectId, claim.batchId))) return claim;
    await store.idempotencyKeys.releaseLapsed(projectId, key);
    return store.idempotencyKeys.claim(projectId, key, bodyHash, proposed);
  };

  return async (input) => {
    const { projectId, idempotency } = input;
    const proposed = newBatchId();
    if (idempotency === undefined) {
      await run(proposed, input);
      return { batchId: proposed, isReplay: false };
    }
    const { key } = idempotency;
    const claim = await claimKey(projectId, idempotency, proposed);
    if (claim.outcome === 'busy') throw busy();
    if (claim.outcome === 'mismatch' || claim.outcome === 'lapsed')
      throw new ApiError(422, { 'Idempotency-Key': 'The key was used with another request' });
    const { batchId } = claim;
    if (claim.outcome === 'replay') return { batchId, isReplay: true };
    reach('after_claim_before_batch');
    const isReplay = batchId !== proposed && (await wasAccepted(projectId, batchId));
    if (!isReplay) await run(batchId, input);
    reach('after_started_before_key');
    await tryTo('complete the key of an import', batchId, store.idempotencyKeys.complete(projectId, key));
    reach('after_key_before_answer');
    return { batchId, isReplay };
  };
}

/** The import was removed as half stored while its POST was still storing it. */
class GivenUp extends ApiError {
  constructor() {
    super(503, { import: 'Storing the import was interrupted for too long' }, { 'Retry-After': '5' });
  }
}

function busy(): ApiError {
  const details = { 'Idempotency-Key': 'The first request with this key is still being handled' };
  return new ApiError(409, details, { 'Retry-After': '1' });
}
