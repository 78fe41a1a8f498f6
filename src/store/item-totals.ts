import type { Collection, IndexSpecification } from 'mongodb';
import type { ReasonCode } from '../contract/errors.js';
import { MOST_ITEMS, type ItemState } from '../contract/item.js';
import type { ItemTotals, OnChunk, OpenGroup } from '../contract/store.js';
import { inWindow } from './item-windows.js';
import type { StoredItem } from './stored-item.js';

/** Counted by one command, in some 30 ms: no time limit of a connection or an activity is met, however large the batch is. */
const COUNTED_AT_ONCE = 10_000;

/**
 * Counts the items of a batch by state and adds up the bytes they fetched, window by window of their keys. A scan along the index of
 * the state would meet an item twice, or never, that changes its state meanwhile; its key does not change.
 */
export async function itemTotals(
  items: Collection<StoredItem>,
  batchId: string,
  onChunk?: OnChunk,
  width = COUNTED_AT_ONCE,
): Promise<ItemTotals> {
  const totals = { open: 0, success: 0, skipped: 0, failed: 0, bytes: 0 };
  for (let window = 0; window * width < MOST_ITEMS; window += 1) {
    const groups = await items
      .aggregate<{ _id: ItemState; count: number; bytes: number }>(
        [
          // The batch is named for the router of a sharded cluster only.
          { $match: { batchId, ...inWindow(batchId, window, width) } },
          { $group: { _id: '$state', count: { $sum: 1 }, bytes: { $sum: '$bytes' } } },
        ],
        { hint: { _id: 1 } },
      )
      .toArray();
    let counted = 0;
    for (const { _id, count, bytes } of groups) {
      totals[_id] += count;
      totals.bytes += bytes;
      counted += count;
    }
    onChunk?.(counted);
    // Items are numbered without gaps, so nothing is behind a window that is not full.
    if (counted < width) break;
  }
  return totals;
}

/** So many open items are looked at to tell how they are: what is more is counted as part of it, in some 40 ms. */
const MOST_LOOKED_AT = 20_000;

/**
 * Open items of some batches by host and by the code of their latest attempt, of the first 20,000 of them. Where there are more, those
 * that failed an attempt are the first 20,000 of their own. Settled items are not looked at, and no filter stands before a limit that
 * an index does not answer: it could look through a million items to find a few.
 */
export async function openGroups(
  items: Collection<StoredItem>,
  batchIds: readonly string[],
  most = MOST_LOOKED_AT,
): Promise<readonly OpenGroup[]> {
  if (batchIds.length === 0) return [];
  const open = { batchId: { $in: batchIds }, state: 'open' as const };
  const first = await grouped(items, open, most, { batchId: 1, state: 1, seq: 1 });
  if (first.reduce((sum, { count }) => sum + count, 0) < most) return first;
  const failing = await grouped(items, { ...open, ...WITH_CODE }, most, { batchId: 1, state: 1, code: 1, host: 1 });
  return [...first.filter(({ code }) => code === undefined), ...failing];
}

/**
 * What the index of the failed ones holds, in the words that let a server answer from it: `$exists` makes versions before 8.0 read each
 * document.
 */
export const WITH_CODE = { code: { $gt: '' } } as const;

async function grouped(
  items: Collection<StoredItem>,
  match: object,
  most: number,
  hint: IndexSpecification,
): Promise<OpenGroup[]> {
  const groups = await items
    .aggregate<{ _id: { host: string; code?: ReasonCode }; count: number; attempts: number }>(
      [
        { $match: match },
        { $limit: most },
        { $group: { _id: { host: '$host', code: '$code' }, count: { $sum: 1 }, attempts: { $sum: '$attempts' } } },
      ],
      { hint },
    )
    .toArray();
  return groups.map(({ _id: { host, code }, count, attempts }) => ({
    host,
    count,
    attempts,
    ...(code !== undefined && { code }),
  }));
}
