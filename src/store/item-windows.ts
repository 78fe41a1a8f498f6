import type { Collection } from 'mongodb';
import { itemKey, MOST_ITEMS } from '../contract/item.js';
import type { StoredItem } from './stored-item.js';

/** Items that one command touches: it takes some ten milliseconds, so no other write waits long and no time limit is met. */
const WINDOW = 1_000;

/** A filter for the items of a window: a range of keys. A list of so many keys would be compared with every document. */
export function inWindow(batchId: string, window: number, width = WINDOW): { _id: { $gte: string; $lte: string } } {
  return { _id: { $gte: itemKey(batchId, window * width), $lte: itemKey(batchId, (window + 1) * width - 1) } };
}

/**
 * How many windows hold items of a batch. Items are stored from the first window on and removed from the last one, so that an empty
 * window has only empty ones behind it; the end is found in some twenty looks at a million items.
 */
export async function countWindows(items: Collection<StoredItem>, batchId: string): Promise<number> {
  const isEmpty = async (window: number) => {
    // Keys of more digits are not in the order of their numbers.
    if (window * WINDOW >= MOST_ITEMS) return true;
    return (await items.findOne(inWindow(batchId, window), { projection: { _id: 1 } })) === null;
  };
  let [full, empty] = [-1, 0];
  while (!(await isEmpty(empty))) {
    full = empty;
    empty = empty * 2 + 1;
  }
  while (empty - full > 1) {
    const middle = Math.floor((full + empty) / 2);
    if (await isEmpty(middle)) empty = middle;
    else full = middle;
  }
  return empty;
}
