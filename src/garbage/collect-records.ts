import type { Store } from '../contract/store.js';
import type { GarbageLimits } from './limits.js';

/** Imports removed by one call: a hundred of 10,000 items take a minute or two, and a killed worker repeats no more than that. */
const BATCHES = 100;

export interface RemovedRecords {
  readonly batches: number;
  /** Of the removed imports. */
  readonly items: number;
  readonly idempotencyKeys: number;
  /** There may be more to remove. */
  readonly more: boolean;
}

/**
 * Removes expired idempotency keys, records of unused hosts, and imports that ended long ago, with their items and deliveries; their
 * media stay. The batch goes last, so that the next call completes one that died.
 * @throws whatever the store throws, and the signal's reason
 */
export async function collectRecords(
  {
    store,
    now,
  }: { store: Pick<Store, 'batches' | 'items' | 'deliveries' | 'idempotencyKeys' | 'hosts'>; now: () => Date },
  { retentionMs, hostAgeMs }: Pick<GarbageLimits, 'retentionMs' | 'hostAgeMs'>,
  signal: AbortSignal,
): Promise<RemovedRecords> {
  const { batches, items, deliveries } = store;
  const idempotencyKeys = await store.idempotencyKeys.removeExpired();
  await store.hosts.forget(new Date(now().getTime() - hostAgeMs));
  const ended = await batches.findFinished(new Date(now().getTime() - retentionMs), BATCHES);
  let itemCount = 0;
  for (const batch of ended) {
    signal.throwIfAborted();
    await deliveries.removeAll(batch._id);
    await items.removeAll(batch._id);
    await batches.remove(batch._id);
    itemCount += batch.itemCount;
  }
  return { batches: ended.length, items: itemCount, idempotencyKeys, more: ended.length === BATCHES };
}
