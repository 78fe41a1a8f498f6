import type { Collection } from 'mongodb';
import type { ItemState } from '../contract/item.js';
import type { ItemTotals } from '../contract/store.js';
import type { StoredItem } from './stored-item.js';

/** Counts the items of a batch by state and adds up the bytes they fetched. */
export async function itemTotals(items: Collection<StoredItem>, batchId: string): Promise<ItemTotals> {
  const groups = await items
    .aggregate<{ _id: ItemState; count: number; bytes: number }>([
      { $match: { batchId } },
      { $group: { _id: '$state', count: { $sum: 1 }, bytes: { $sum: '$bytes' } } },
    ])
    .toArray();
  const totals = { open: 0, success: 0, skipped: 0, failed: 0, bytes: 0 };
  for (const { _id, count, bytes } of groups) {
    totals[_id] = count;
    totals.bytes += bytes;
  }
  return totals;
}

/** Counts the open items of some batches by host. Settled items are not looked at. */
export async function openByHost(
  items: Collection<StoredItem>,
  batchIds: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  if (batchIds.length === 0) return new Map();
  const groups = await items
    .aggregate<{ _id: string; count: number }>([
      { $match: { batchId: { $in: batchIds }, state: 'open' } },
      { $group: { _id: '$host', count: { $sum: 1 } } },
    ])
    .toArray();
  return new Map(groups.map(({ _id, count }) => [_id, count]));
}
