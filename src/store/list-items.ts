import type { Collection, Filter } from 'mongodb';
import { itemKey, type Item } from '../contract/item.js';
import type { ItemFilter } from '../contract/store.js';
import { toItem, WITHOUT_TOKEN, type StoredItem } from './stored-item.js';

/** Looked through by their keys before an index is asked: nearly every filter that lets most items pass is served by these. */
const WINDOW = 1_000;

/**
 * A page of items in request order. Items of a batch are numbered without gaps, so a page is read by its keys, the fastest way on any
 * server. Only what a filter has not found among the next items is then read along the index of the state, of the code or of the host
 * (`indexes.ts`), each of which has its entries in request order, so that reading stops when the page is full. The stand-in server,
 * which has none of these, sorts all that match: few, where the window did not find enough.
 */
export async function listItems(
  items: Collection<StoredItem>,
  batchId: string,
  { afterSeq, limit }: { afterSeq: number; limit: number },
  wanted: ItemFilter = {},
): Promise<Item[]> {
  const isFiltered = Object.keys(wanted).length > 0;
  const fromSeq = Math.max(afterSeq, -1) + 1;
  const width = isFiltered ? Math.max(WINDOW, limit) : limit;
  const keys = Array.from({ length: width }, (_, offset) => itemKey(batchId, fromSeq + offset));
  const read = (filter: Filter<StoredItem>, by: '_id' | 'seq', atMost: number): Promise<StoredItem[]> =>
    items
      .find(filter, { projection: WITHOUT_TOKEN })
      .sort({ [by]: 1 })
      .limit(atMost)
      .toArray();
  const page: StoredItem[] = await read({ _id: { $in: keys }, ...wanted }, '_id', limit);
  if (isFiltered && page.length < limit)
    page.push(...(await read({ batchId, ...wanted, seq: { $gte: fromSeq + width } }, 'seq', limit - page.length)));
  return page.map(toItem);
}
