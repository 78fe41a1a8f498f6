import type { Collection } from 'mongodb';
import type { IdempotencyKeyStore, KeyClaim } from './store.js';
import { isDuplicateKey, mayHaveTakenEffect } from './mongo-errors.js';
import { createTokens } from './item-documents.js';

/** CONTRACT: a key is remembered for 24 hours. */
const KEY_LIFE_MS = 24 * 60 * 60 * 1_000;
/** Longer than a POST of 16 MiB takes to be stored, and renewed meanwhile; a client that repeats its request after a crash waits no longer. */
const LEASE_MS = 60 * 1_000;
/** Every lost race means that another POST has taken the key, so the next look nearly always decides. */
const MAX_LOOKS = 5;

/** The hash of a body that is still being read. */
const UNREAD = '';

export interface KeyDocument {
  readonly _id: string;
  /** Empty until the body was read to its end. */
  readonly bodyHash: string;
  readonly batchId: string;
  /** Names the claim, so that exactly one POST replaces one that has expired. */
  readonly claim: string;
  readonly isComplete: boolean;
  readonly leaseUntil: Date;
  readonly expiresAt: Date;
}

/**
 * Idempotency keys of POSTs, one document a (project, key). Expiry is decided here: a TTL index only tidies up, and late. All times
 * are those of the database: a gateway whose clock is wrong neither takes a claim over early nor has its own taken.
 */
export function createIdempotencyKeyStore(deps: {
  keys: Collection<KeyDocument>;
  databaseTime: () => Promise<Date>;
}): IdempotencyKeyStore {
  const { keys, databaseTime } = deps;
  const nextToken = createTokens();

  const leaseFrom = (at: Date) => ({ claim: nextToken(), leaseUntil: new Date(at.getTime() + LEASE_MS) });

  /** Read along the TTL index. */
  const expired = async () => ({ expiresAt: { $lte: await databaseTime() } });

  const insert = async (key: KeyDocument): Promise<boolean> => {
    try {
      await keys.insertOne(key);
      return true;
    } catch (error) {
      if (isDuplicateKey(error)) return false;
      // The POST fails with it, and a claim that is there all the same would hold its repetition back until it lapses.
      if (mayHaveTakenEffect(error)) keys.deleteOne({ _id: key._id, claim: key.claim }).catch(() => undefined);
      throw error;
    }
  };

  /** Changes the key only while the claim that was seen still stands: of several POSTs one gets through. */
  const replaceClaim = async (seen: KeyDocument, change: Partial<KeyDocument>): Promise<boolean> => {
    const { matchedCount } = await keys.updateOne({ _id: seen._id, claim: seen.claim }, { $set: change });
    return matchedCount === 1;
  };

  /** One look at the key: null when another POST changed it meanwhile. */
  const look = async (_id: string, bodyHash: string, batchId: string): Promise<KeyClaim | null> => {
    const at = await databaseTime();
    const expiresAt = new Date(at.getTime() + KEY_LIFE_MS);
    const fresh = { bodyHash, batchId, isComplete: false, expiresAt, ...leaseFrom(at) };
    if (await insert({ _id, ...fresh })) return { outcome: 'new' };
    const seen = await keys.findOne({ _id });
    if (seen === null) return null;
    if (seen.expiresAt <= at) return (await replaceClaim(seen, fresh)) ? { outcome: 'new' } : null;
    const before = { batchId: seen.batchId, bodyHash: seen.bodyHash === UNREAD ? null : seen.bodyHash };
    if (seen.isComplete) return { outcome: 'complete', ...before };
    return seen.leaseUntil <= at ? { outcome: 'lapsed', ...before } : { outcome: 'busy', bodyHash: before.bodyHash };
  };

  return {
    claim: async (projectId, key, bodyHash, batchId) => {
      for (let looks = 0; looks < MAX_LOOKS; looks += 1) {
        const claim = await look(idOf(projectId, key), bodyHash ?? UNREAD, batchId);
        if (claim !== null) return claim;
      }
      return { outcome: 'busy', bodyHash: null };
    },

    seal: async (projectId, key, batchId, bodyHash) => {
      const own = { _id: idOf(projectId, key), batchId, isComplete: false };
      return (await keys.updateOne(own, { $set: { bodyHash } })).matchedCount === 1;
    },

    renew: async (projectId, key, batchId) => {
      const leaseUntil = new Date((await databaseTime()).getTime() + LEASE_MS);
      await keys.updateOne({ _id: idOf(projectId, key), batchId, isComplete: false }, { $set: { leaseUntil } });
    },

    complete: async (projectId, key, batchId) => {
      await keys.updateOne({ _id: idOf(projectId, key), batchId }, { $set: { isComplete: true } });
    },

    release: async (projectId, key, batchId) => {
      await keys.deleteOne({ _id: idOf(projectId, key), batchId, isComplete: false });
    },

    releaseLapsed: async (projectId, key, batchId) => {
      const lapsed = { isComplete: false, leaseUntil: { $lte: await databaseTime() } };
      await keys.deleteOne({ _id: idOf(projectId, key), batchId, ...lapsed });
    },

    countExpired: async () => keys.countDocuments(await expired()),

    removeExpired: async () => {
      const { deletedCount } = await keys.deleteMany(await expired());
      return deletedCount;
    },
  };
}

/** JSON keeps the two parts apart whatever characters they hold. */
function idOf(projectId: string, key: string): string {
  return JSON.stringify([projectId, key]);
}
