import type { Logger } from 'pino';
import { ApiError } from '../domain/api-error.js';
import type { Store } from '../store/store.js';

/** A storing batch that was touched this recently belongs to a POST that is still being handled. */
const STORING_MS = 30_000;

/** What a POST with a key has to do: run its batch, or answer with one that was accepted already. */
interface ClaimedKey {
  readonly batchId: string;
  /** The batch is durable: nothing may be stored. */
  readonly isReplay: boolean;
}

/** What a POST whose hash is not known yet has to do; of a replay its body must turn out to have this hash. */
interface ReservedKey extends ClaimedKey {
  readonly bodyHash?: string;
}

export interface KeyClaims {
  /** @throws ApiError 409 (the first POST with the key is still being handled), 422 (the key belongs to another body) */
  claim(projectId: string, key: string, bodyHash: string, proposed: string): Promise<ClaimedKey>;
  /** As `claim`, for a body that is still to be read: of a replay the caller compares its hash with the one that is answered. */
  reserve(projectId: string, key: string, proposed: string): Promise<ReservedKey>;
  /** The import behind the key is durable. The claim lapses by itself, so that a failure does no harm. */
  complete(projectId: string, key: string, batchId: string): Promise<void>;
}

/** Idempotency-Keys of POSTs, and what became of POSTs that died with one. */
export function createKeyClaims({ store, logger }: { store: Store; logger: Logger }): KeyClaims {
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

  return {
    async claim(projectId, key, bodyHash, proposed) {
      const first = await idempotencyKeys.claim(projectId, key, bodyHash, proposed);
      if (first.outcome === 'busy') throw busy();
      if (first.outcome === 'mismatch') throw otherBody();
      if (first.outcome !== 'lapsed') return { batchId: first.batchId, isReplay: first.outcome === 'replay' };
      if (await wasAccepted(projectId, first.batchId)) {
        if (!first.isSameBody) throw otherBody();
        return { batchId: first.batchId, isReplay: true };
      }
      await freeLapsed(projectId, key, first.batchId);
      const second = await idempotencyKeys.claim(projectId, key, bodyHash, proposed);
      if (second.outcome !== 'new') throw busy();
      return { batchId: proposed, isReplay: false };
    },

    async reserve(projectId, key, proposed) {
      const first = await idempotencyKeys.reserve(projectId, key, proposed);
      if (first.outcome === 'busy') throw busy();
      if (first.outcome === 'new') return { batchId: proposed, isReplay: false };
      const { batchId, bodyHash } = first;
      if (first.outcome === 'settled' || (await wasAccepted(projectId, batchId)))
        return { batchId, bodyHash, isReplay: true };
      await freeLapsed(projectId, key, batchId);
      const second = await idempotencyKeys.reserve(projectId, key, proposed);
      if (second.outcome !== 'new') throw busy();
      return { batchId: proposed, isReplay: false };
    },

    async complete(projectId, key, batchId) {
      try {
        await idempotencyKeys.complete(projectId, key, batchId);
      } catch (error) {
        logger.warn({ batchId, err: error }, 'could not complete the key of an import');
      }
    },
  };
}

/** The key was used for something else. */
export function otherBody(): ApiError {
  return new ApiError(422, { 'Idempotency-Key': 'The key was used with another request' });
}

function busy(): ApiError {
  const details = { 'Idempotency-Key': 'The first request with this key is still being handled' };
  return new ApiError(409, details, { 'Retry-After': '1' });
}
