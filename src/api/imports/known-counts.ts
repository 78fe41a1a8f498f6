import { LRUCache } from 'lru-cache';
import type { Batch } from '../../domain/import.js';
import { coalesce } from '../../intake/coalesce.js';
import type { ItemStore, ItemTotals } from '../../store/store.js';
import type { Counts, ImportProgress } from '../../temporal/names.js';

/** Pages poll about once a second. */
const COUNTED_AGAIN_MS = 1_000;
/** Counted in some 30 ms, so an asker waits for it. */
const SMALL_BATCH = 10_000;
/** Imports whose counts are remembered, some 100 KiB. */
const MOST_KNOWN = 1_000;

/** How many items of an import are in which state, and the bytes that they have fetched. */
export interface Told {
  readonly counts: Counts;
  readonly bytes: number;
}

/**
 * How many items of an import are in which state. While its run does not answer they are counted in the database, which takes seconds
 * for a million; so an asker gets what was known last, from the run or from a count, and the count goes on behind the answer. Only
 * the first asker of an import that this process knows nothing of waits for all of it.
 */
export function createKnownCounts(
  items: Pick<ItemStore, 'totals'>,
): (batch: Pick<Batch, '_id' | 'itemCount' | 'counts' | 'bytes'>, progress: ImportProgress | null) => Promise<Told> {
  const known = new LRUCache<string, ItemTotals>({ max: MOST_KNOWN });
  const count = coalesce(
    async (batchId) => {
      const totals = await items.totals(batchId);
      known.set(batchId, totals);
      return totals;
    },
    { ttlMs: COUNTED_AGAIN_MS },
  );

  return async (batch, progress) => {
    const { _id: batchId, itemCount: total } = batch;
    if (batch.counts !== undefined) return { counts: { total, open: 0, ...batch.counts }, bytes: batch.bytes ?? 0 };
    if (progress !== null) {
      const { counts, bytes } = progress;
      const { open, success, skipped, failed } = counts;
      known.set(batchId, { open, success, skipped, failed, bytes });
      return { counts, bytes };
    }
    const counted = count(batchId);
    // An asker who does not wait for the count does not hear that it failed either; the next one asks again.
    counted.catch(() => undefined);
    const before = total > SMALL_BATCH ? known.get(batchId) : undefined;
    const { bytes, ...counts } = before ?? (await counted);
    return { counts: { total, ...counts }, bytes };
  };
}
