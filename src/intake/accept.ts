import { newBatchId } from '../domain/ids.js';
import type { Kind } from '../domain/import.js';
import type { BodyRoom } from './body-memory.js';
import type { ImportRequest } from './check-items.js';
import { createLineVerdicts, takeLines, type Rejected, type LinesToTake } from './check-lines.js';
import { createSeenIds } from './distinct-items.js';
import { createKeyClaims, otherBody } from './idempotency.js';
import type { ImportEnvelope, ImportLine } from './request/envelope.js';
import type { RequestRules } from './request/rules.js';
import { createRunBatch, GivenUp, type AcceptDeps, type StoreItems } from './run-import.js';

export interface AcceptInput {
  readonly projectId: string;
  readonly kind: Kind;
  readonly request: ImportRequest;
  /** Whether the token lets the batch pass those of other projects. */
  readonly mayBeUrgent: boolean;
  /** The client's Idempotency-Key, with a hash of all that the request says. */
  readonly idempotency?: { readonly key: string; readonly bodyHash: string };
}

interface Accepted {
  readonly batchId: string;
  /** The same request had been accepted before. */
  readonly isReplay: boolean;
}

/**
 * Accepts a validated POST: resolves only after batch, items and workflow are durable.
 * @throws ApiError 409 and 422 as `KeyClaims.claim`; whatever RunBatch throws
 */
export type AcceptBatch = (input: AcceptInput) => Promise<Accepted>;

/** Creates AcceptBatch over the store and the workflow engine. */
export function createAcceptBatch(deps: AcceptDeps): AcceptBatch {
  const { store, reach } = deps;
  const run = createRunBatch(deps);
  const keys = createKeyClaims(deps);

  return async ({ projectId, kind, request, mayBeUrgent, idempotency }) => {
    const proposed = newBatchId();
    const key = idempotency?.key;
    const { envelope, chunks } = request;
    const said = { projectId, kind, key, envelope, mayBeUrgent };
    const storeItems: StoreItems = async (batch) => {
      const hosts: string[] = [];
      let count = 0;
      for await (const items of chunks()) {
        await store.items.insertMany(batch, items);
        count += items.length;
        hosts.push(...items.slice(0, deps.plan.sweepAbove - hosts.length).map(({ host }) => host));
      }
      // Before the batch is accepted: another POST may have taken this one for dead, and the key for a batch of its own.
      const isOwn =
        idempotency === undefined ||
        (await store.idempotencyKeys.seal(projectId, idempotency.key, batch._id, idempotency.bodyHash));
      if (!isOwn) throw new GivenUp();
      return { count, hosts };
    };
    if (idempotency === undefined) {
      await run({ batchId: proposed, ...said }, storeItems);
      return { batchId: proposed, isReplay: false };
    }
    const { batchId, isReplay } = await keys.claim(projectId, idempotency.key, idempotency.bodyHash, proposed);
    if (isReplay) {
      await keys.complete(projectId, idempotency.key, batchId);
      return { batchId, isReplay };
    }
    reach('after_claim_before_batch');
    await run({ batchId, ...said }, storeItems);
    reach('after_started_before_key');
    await keys.complete(projectId, idempotency.key, batchId);
    reach('after_key_before_answer');
    return { batchId, isReplay };
  };
}

/** How often a stream that goes on looks whether it still may: a revoked token stores no more than it could in that time. */
const LOOK_MS = 10_000;

interface AcceptLinesInput {
  readonly projectId: string;
  readonly kind: Kind;
  readonly envelope: ImportEnvelope;
  /** Whether the token lets the batch pass those of other projects. */
  readonly mayBeUrgent: boolean;
  readonly rules: RequestRules;
  readonly lines: AsyncIterable<readonly ImportLine[]>;
  /** Good lines are taken although others are bad. */
  readonly isPartial: boolean;
  /** Where the lines take room. */
  readonly room: BodyRoom;
  /** The token is asked for again, while lines are stored and before the import is accepted. @throws ApiError 401 */
  readonly stillAllowed: () => Promise<void>;
  /** The client's Idempotency-Key; the hash of all that the request says is known once all lines were read. */
  readonly idempotency?: { readonly key: string; readonly bodyHash: () => string };
}

interface AcceptedLines {
  readonly batchId: string;
  readonly rejected: Rejected;
}

/**
 * Accepts a batch whose items come line by line, any number of them, in bounded memory: resolves only after batch, items and
 * workflow are durable. Lines are stored while they arrive; the batch is not announced before all of them are stored.
 * @throws ApiError 400 (bad lines, or none), 401 (no longer allowed), 409, 422; whatever RunBatch, the room and the lines throw
 */
export type AcceptLines = (input: AcceptLinesInput) => Promise<AcceptedLines>;

/** Creates AcceptLines over the store and the workflow engine. */
export function createAcceptLines(deps: AcceptDeps): AcceptLines {
  const { store, reach } = deps;
  const run = createRunBatch(deps);
  const keys = createKeyClaims(deps);

  return async (input) => {
    const { projectId, kind, envelope, mayBeUrgent, rules, lines, isPartial, room, stillAllowed, idempotency } = input;
    const proposed = newBatchId();
    const key = idempotency?.key;
    const keep = (bytes: number) => {
      room.keep(bytes);
    };
    const verdicts = createLineVerdicts(isPartial, keep);
    let lookedAt = performance.now();
    const take = async (batchId: string, storeItems: LinesToTake['store']): Promise<number> => {
      const read = (seqs: readonly number[]) => store.items.externalIds(batchId, seqs);
      const storeChunk: LinesToTake['store'] = async (items, fromSeq) => {
        if (performance.now() - lookedAt > LOOK_MS) {
          await stillAllowed();
          lookedAt = performance.now();
        }
        await storeItems(items, fromSeq);
      };
      const ids = { seen: createSeenIds(keep), read };
      const count = await takeLines({ lines, rules, verdicts, store: storeChunk, ids, room });
      await stillAllowed();
      return count;
    };

    const claim =
      key === undefined ? { batchId: proposed, isReplay: false } : await keys.reserve(projectId, key, proposed);
    const { batchId } = claim;
    if (claim.isReplay && idempotency !== undefined) {
      // The same lines lead to the same verdicts; they are read to find out whether they are the same.
      await take(batchId, () => Promise.resolve());
      if (claim.bodyHash !== idempotency.bodyHash()) throw otherBody();
      await keys.complete(projectId, idempotency.key, batchId);
      return { batchId, rejected: verdicts.rejected() };
    }
    if (key !== undefined) reach('after_claim_before_batch');
    const hosts: string[] = [];
    await run({ batchId, projectId, kind, key, envelope, mayBeUrgent }, async (batch) => {
      const count = await take(batchId, (items, fromSeq) => {
        hosts.push(...items.slice(0, deps.plan.sweepAbove - hosts.length).map(({ host }) => host));
        return store.items.insertMany(
          batch,
          items.map((item, index) => ({ seq: fromSeq + index, ...item })),
        );
      });
      // Before the batch is accepted: a key that leads to an accepted batch must know its body.
      const isSealed =
        idempotency === undefined ||
        (await store.idempotencyKeys.seal(projectId, idempotency.key, batchId, idempotency.bodyHash()));
      if (!isSealed) throw new GivenUp();
      return { count, hosts };
    });
    if (key !== undefined) {
      reach('after_started_before_key');
      await keys.complete(projectId, key, batchId);
      reach('after_key_before_answer');
    }
    return { batchId, rejected: verdicts.rejected() };
  };
}
