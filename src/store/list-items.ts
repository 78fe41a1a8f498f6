import type { Collection, Filter } from 'mongodb';
import { itemKey, type Item } from '../contract/item.js';
import type { ItemFilter } from '../contract/store.js';
import { toItem, WITHOUT_TOKEN, type StoredItem } from './stored-item.js';

/** The keys of all items that a batch can have from a number on: see `itemKey`. */
export function keyRange(batchId: string, fromSeq = 0): { $gte: string; $lte: string } {
  return { $gte: itemKey(batchId, fromSeq), $lte: itemKey(batchId, 99_999_999) };
}

/**
 * A page of items in request order. Without a filter it is read by its keys, for the items of a batch are numbered without gaps:
 * the fastest way on any server. With one it is read along the index of the state, of the code or of the host (`indexes.ts`), each of
 * which has its entries in request order, so that reading stops when the page is full.
 */
export async function listItems(
  items: Collection<StoredItem>,
  batchId: string,
  { afterSeq, limit }: { afterSeq: number; limit: number },
  wanted: ItemFilter = {},
): Promise<Item[]> {
  const fromSeq = Math.max(afterSeq, -1) + 1;
  const isFiltered = Object.keys(wanted).length > 0;
  const filter: Filter<StoredItem> = isFiltered
    ? { batchId, ...wanted, seq: { $gte: fromSeq } }
    : { _id: { $in: Array.from({ length: limit }, (_, offset) => itemKey(batchId, fromSeq + offset)) } };
  const page = await items
    .find(filter, { projection: WITHOUT_TOKEN })
    .sort(isFiltered ? { seq: 1 } : { _id: 1 })
    .limit(limit)
    .toArray();
  return page.map(toItem);
}
