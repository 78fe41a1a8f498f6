import type { Collection, Filter } from 'mongodb';
import { cappedReason, itemKey, shownBytes, type ShownItem } from '../contract/item.js';
import type { ItemFilter, ItemPage } from '../contract/store.js';
import type { StoredItem } from './stored-item.js';

/** Looked through by their keys before an index is asked: nearly every filter that lets most items pass is served by these. */
const WINDOW = 1_000;
/** A usual page at once; the rest of a larger one is asked for when it is known to fit. */
const BATCH = 250;
/** URLs and metadata are most of a document: up to a MiB of it, and twenty times as much once it is parsed. */
const SHOWN = {
  _id: 0,
  seq: 1,
  externalId: 1,
  state: 1,
  code: 1,
  reason: 1,
  attempts: 1,
  host: 1,
  mediaId: 1,
  bytes: 1,
  sha256: 1,
  mimeType: 1,
  action: 1,
  nextAttemptAt: 1,
  updatedAt: 1,
  lastAttempt: 1,
} as const satisfies Record<keyof ShownItem | '_id', 0 | 1>;

/**
 * A page of items in request order. Items of a batch are numbered without gaps, so a page is read by its keys, the fastest way on any
 * server. Only what a filter has not found among the next items is then read along the index of the state, of the code or of the host
 * (`indexes.ts`), each of which has its entries in request order, so that reading stops when the page is full. The stand-in server,
 * which has none of these, sorts all that match: few, where the window did not find enough.
 */
export async function listItems(
  items: Collection<StoredItem>,
  batchId: string,
  { afterSeq, limit, maxBytes = Infinity }: ItemPage,
  wanted: ItemFilter = {},
): Promise<ShownItem[]> {
  const isFiltered = Object.keys(wanted).length > 0;
  const fromSeq = Math.max(afterSeq, -1) + 1;
  const width = isFiltered ? Math.max(WINDOW, limit) : limit;
  const keys = Array.from({ length: width }, (_, offset) => itemKey(batchId, fromSeq + offset));
  const page: ShownItem[] = [];
  let bytes = 0;

  /** Answers whether there may be room for more. */
  const read = async (filter: Filter<StoredItem>, by: '_id' | 'seq'): Promise<boolean> => {
    const cursor = items
      .find<ShownItem>(filter, { projection: SHOWN, batchSize: BATCH })
      .sort({ [by]: 1 })
      .limit(limit - page.length);
    // Leaving the loop closes the cursor.
    for await (const found of cursor) {
      // Versions before 0.3 stored reasons of any length.
      const item = found.reason === undefined ? found : { ...found, reason: cappedReason(found.reason) };
      bytes += shownBytes(item);
      if (bytes > maxBytes && page.length > 0) return false;
      page.push(item);
    }
    return page.length < limit;
  };
  const hasRoom = await read({ _id: { $in: keys }, ...wanted }, '_id');
  if (isFiltered && hasRoom) await read({ batchId, ...wanted, seq: { $gte: fromSeq + width } }, 'seq');
  return page;
}
