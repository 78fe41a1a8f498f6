import type { Batch } from '../contract/batch.js';
import type { ItemStore, ItemTotals } from '../contract/store.js';
import type { Counts, ImportProgress } from '../contract/workflow-names.js';
import { coalesce } from '../intake/coalesce.js';

/** Pages poll about once a second. */
const COUNTED_AGAIN_MS = 1_000;
/** Counted in some 30 ms, so an asker waits for it. */
const SMALL_BATCH = 10_000;
/** Imports whose counts are remembered, some 100 KiB. */
const MOST_KNOWN = 1_000;

interface Told {
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
): (batch: Batch, progress: ImportProgress | null) => Promise<Told> {
  const known = new Map<string, ItemTotals>();
  const remember = (batchId: string, totals: ItemTotals): ItemTotals => {
    known.delete(batchId);
    known.set(batchId, totals);
    const [oldest] = known.keys();
    if (known.size > MOST_KNOWN && oldest !== undefined) known.delete(oldest);
    return totals;
  };
  const count = coalesce(async (batchId) => remember(batchId, await items.totals(batchId)), {
    ttlMs: COUNTED_AGAIN_MS,
  });

  return async (batch, progress) => {
    const { _id: batchId, itemCount: total } = batch;
    if (batch.counts !== undefined) return { counts: { total, open: 0, ...batch.counts }, bytes: batch.bytes ?? 0 };
    if (progress !== null) {
      const { counts, bytes } = progress;
      const { open, success, skipped, failed } = counts;
      remember(batchId, { open, success, skipped, failed, bytes });
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
