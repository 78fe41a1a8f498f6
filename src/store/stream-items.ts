import type { Collection } from 'mongodb';
import type { Item } from '../contract/item.js';
import { windowKeys } from './item-windows.js';
import { toItem, WITHOUT_TOKEN, type StoredItem } from './stored-item.js';

/** Keeps what a stream holds in memory at about a megabyte. */
const STREAM_WINDOW = 500;

/**
 * All items of a batch in request order, read as the consumer asks for them. Not along one cursor: the server would drop it when a
 * slow client lets it rest, and the stand-in server would read the whole batch into memory for it.
 */
export async function* streamItems(items: Collection<StoredItem>, batchId: string): AsyncGenerator<Item, undefined> {
  for (let window = 0; ; window += 1) {
    const keys = windowKeys(batchId, window, STREAM_WINDOW);
    const found = await items
      .find({ _id: { $in: keys } }, { projection: WITHOUT_TOKEN, batchSize: STREAM_WINDOW })
      .sort({ _id: 1 })
      .toArray();
    if (found.length === 0) return;
    for (const item of found) yield toItem(item);
  }
}
