import type { Collection } from 'mongodb';
import { cappedReason, MOST_ITEMS, type ListedItem } from '../contract/item.js';
import { inWindow } from './item-windows.js';
import type { StoredItem } from './stored-item.js';

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
 * slow client lets it rest, and the stand-in server would read the whole batch into memory for it.
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
    // Versions before 0.3 stored reasons of any length.
    for (const item of found) yield item.reason === undefined ? item : { ...item, reason: cappedReason(item.reason) };
  }
}
