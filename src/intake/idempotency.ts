import type { Logger } from 'pino';
import { ApiError } from '../domain/api-error.js';
import { newBatchId } from '../domain/ids.js';
import type { KeyBefore, Store } from '../store/store.js';

/** A storing batch that was touched this recently belongs to a POST that is still being handled. */
const STORING_MS = 30_000;

/** The client's Idempotency-Key, with a hash of all that the request says. */
export interface Idempotency {
  readonly key: string;
  /** A function where the hash is known only once the body was read to its end; it is called once. */
  readonly bodyHash: string | (() => string);
}

/** The hash of a request that was read to its end. */
export function hashOf({ bodyHash }: Idempotency): string {
  return typeof bodyHash === 'string' ? bodyHash : bodyHash();
}

interface Post {
  readonly projectId: string;
  readonly idempotency?: Idempotency | undefined;
}

interface Steps {
  /** Makes a batch of this id durable. Whatever it throws refuses the POST. */
  readonly run: (batchId: string) => Promise<void>;
  /** Reads the body to its end and stores nothing: the batch is durable, and the hash of the body still unknown. */
  readonly readThrough: (batchId: string) => Promise<unknown>;
}

/** What became of a POST. */
export interface Accepted {
  readonly batchId: string;
  /** The same request had been accepted before: nothing was stored. */
  readonly isReplay: boolean;
}

/**
 * Runs a POST, unless its key leads to a batch that an earlier POST with the same body has made durable.
 * @throws ApiError 409 (the first POST with the key is still being handled), 422 (the key belongs to another body); whatever the
 *   steps throw
 */
export type AcceptOnce = (post: Post, steps: Steps) => Promise<Accepted>;

/** Creates AcceptOnce, which also finds out what became of POSTs that died with their key. Why it is one protocol: decision 0021. */
export function createAcceptOnce(deps: { store: Store; logger: Logger }): AcceptOnce {
  const { store, logger } = deps;
  const { batches, items, idempotencyKeys } = store;

  /** Of a claim whose POST died: answers whether that POST had got through after all. What it has stored otherwise is given up. */
  const wasAccepted = async (projectId: string, batchId: string): Promise<boolean> => {
    const batch = await batches.find(projectId, batchId);
    if (batch === null) return false;
    if (batch.state !== 'storing') return true;
    const now = await store.databaseTime();
    if (now.getTime() - batch.touchedAt.getTime() < STORING_MS) throw busy();
    if (!(await batches.giveUp(batch))) throw busy();
    return false;
  };

  /**
   * Of a claim whose POST died without getting through: frees the key. What the POST has stored is given up and removed in the
   * background; a client must not wait for a million items. No client has been told its id.
   */
  const freeLapsed = async (projectId: string, key: string, batchId: string) => {
    items
      .removeAll(batchId)
      .then(() => batches.remove(batchId))
      .catch((error: unknown) => {
        logger.warn({ batchId, err: error }, 'could not remove an import that was given up');
      });
    await idempotencyKeys.releaseLapsed(projectId, key, batchId);
  };

  /** Claims the key for the proposed batch, or answers with the durable one that it leads to. */
  const claim = async (
    projectId: string,
    { key, bodyHash }: Idempotency,
    proposed: string,
  ): Promise<KeyBefore | null> => {
    const known = typeof bodyHash === 'string' ? bodyHash : null;
    const first = await idempotencyKeys.claim(projectId, key, known, proposed);
    if (first.outcome === 'new') return null;
    if (first.outcome === 'busy') {
      const isOther = known !== null && first.bodyHash !== null && first.bodyHash !== known;
      throw isOther ? otherBody() : busy();
    }
    if (first.outcome === 'complete' || (await wasAccepted(projectId, first.batchId))) return first;
    await freeLapsed(projectId, key, first.batchId);
    const second = await idempotencyKeys.claim(projectId, key, known, proposed);
    if (second.outcome !== 'new') throw busy();
    return null;
  };

  /** The import behind the key is durable. The claim lapses by itself, so that a failure does no harm. */
  const complete = async (projectId: string, key: string, batchId: string) => {
    try {
      await idempotencyKeys.complete(projectId, key, batchId);
    } catch (error) {
      logger.warn({ batchId, err: error }, 'could not complete the key of an import');
    }
  };

  return async ({ projectId, idempotency }, { run, readThrough }) => {
    const proposed = newBatchId();
    if (idempotency === undefined) {
      await run(proposed);
      return { batchId: proposed, isReplay: false };
    }
    const { key, bodyHash } = idempotency;
    const before = await claim(projectId, idempotency, proposed);
    if (before !== null) {
      if (typeof bodyHash !== 'string') await readThrough(before.batchId);
      if (before.bodyHash !== hashOf(idempotency)) throw otherBody();
      await complete(projectId, key, before.batchId);
      return { batchId: before.batchId, isReplay: true };
    }
    await run(proposed);
    await complete(projectId, key, proposed);
    return { batchId: proposed, isReplay: false };
  };
}

/** The key was used for something else. */
function otherBody(): ApiError {
  return new ApiError(422, { 'Idempotency-Key': 'The key was used with another request' });
}

function busy(): ApiError {
  const details = { 'Idempotency-Key': 'The first request with this key is still being handled' };
  return new ApiError(409, details, { 'Retry-After': '1' });
}
