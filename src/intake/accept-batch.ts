import { newBatchId } from '../contract/ids.js';
import type { Kind } from '../contract/kinds.js';
import type { ImportRequest } from './check-import.js';
import { createKeyClaims } from './claim-key.js';
import { createRunBatch, GivenUp, type AcceptDeps, type StoreItems } from './run-batch.js';

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
