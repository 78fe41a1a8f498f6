import type { Collection, Filter } from 'mongodb';
import {
  itemKey,
  MOST_ITEMS,
  cappedReason,
  shownBytes,
  type ItemState,
  type ShownItem,
  type ListedItem,
} from '../domain/item.js';
import type { StoredItem } from './item-documents.js';
import type { ItemTotals, OnChunk, ItemFilter, ItemPage } from './store.js';

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

/** Versions before 0.3 stored reasons of any length. */
function withCappedReason<T extends { readonly reason?: string | undefined }>(item: T): T {
  return item.reason === undefined ? item : { ...item, reason: cappedReason(item.reason) };
}

/** Looked through by their keys before an index is asked: nearly every filter that lets most items pass is served by these. */
const LISTED_WINDOW = 1_000;
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
 * (`collections.ts`), each of which has its entries in request order, so that reading stops when the page is full.
 */
export async function listItems(
  items: Collection<StoredItem>,
  batchId: string,
  { afterSeq, limit, maxBytes = Infinity }: ItemPage,
  wanted: ItemFilter = {},
): Promise<ShownItem[]> {
  const isFiltered = Object.keys(wanted).length > 0;
  const fromSeq = Math.max(afterSeq, -1) + 1;
  const width = isFiltered ? Math.max(LISTED_WINDOW, limit) : limit;
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
      const item = withCappedReason(found);
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

/** Usually about a megabyte, and few turns at a busy database: 10,000 items take five. */
const STREAM_WINDOW = 2_500;
/** URLs, metadata and attempts are most of a document. */
const LISTED = {
  _id: 0,
  seq: 1,
  externalId: 1,
  state: 1,
  code: 1,
  reason: 1,
  mediaId: 1,
  sha256: 1,
  mimeType: 1,
  width: 1,
  height: 1,
} as const satisfies Record<keyof ListedItem | '_id', 0 | 1>;

/**
 * All items of a batch in request order, read as the consumer asks for them. Not along one cursor: the server would drop it when a
 * slow client lets it rest.
 */
export async function* streamItems(
  items: Collection<StoredItem>,
  batchId: string,
): AsyncGenerator<ListedItem, undefined> {
  for (let window = 0; window * STREAM_WINDOW < MOST_ITEMS; window += 1) {
    const found = await items
      .find<ListedItem>(inWindow(batchId, window, STREAM_WINDOW), { projection: LISTED, batchSize: STREAM_WINDOW })
      .sort({ _id: 1 })
      .toArray();
    if (found.length === 0) return;
    for (const item of found) yield withCappedReason(item);
  }
}
