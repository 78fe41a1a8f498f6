import type { Collection, Filter } from 'mongodb';
import type { ReasonCode } from '../contract/errors.js';
import type { ItemState } from '../contract/item.js';
import type { ItemTotals, OpenGroup } from '../contract/store.js';
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

/** So many open items are looked at to tell how they are: what is more is counted as part of it, in some 40 ms. */
const MOST_LOOKED_AT = 20_000;

/**
 * Open items of some batches by host and by the code of their latest attempt, of the first 20,000 of them and of the first 20,000
 * that failed an attempt. Settled items are not looked at.
 */
export async function openGroups(
  items: Collection<StoredItem>,
  batchIds: readonly string[],
): Promise<readonly OpenGroup[]> {
  if (batchIds.length === 0) return [];
  const open = { batchId: { $in: batchIds }, state: 'open' as const };
  const [untried, failing] = await Promise.all([
    grouped(items, { ...open, code: { $exists: false } }),
    grouped(items, { ...open, code: { $exists: true } }),
  ]);
  return [...untried, ...failing];
}

async function grouped(items: Collection<StoredItem>, match: Filter<StoredItem>): Promise<OpenGroup[]> {
  const groups = await items
    .aggregate<{ _id: { host: string; code?: ReasonCode }; count: number; attempts: number }>([
      { $match: match },
      { $limit: MOST_LOOKED_AT },
      { $group: { _id: { host: '$host', code: '$code' }, count: { $sum: 1 }, attempts: { $sum: '$attempts' } } },
    ])
    .toArray();
  return groups.map(({ _id: { host, code }, count, attempts }) => ({
    host,
    count,
    attempts,
    ...(code !== undefined && { code }),
  }));
}
