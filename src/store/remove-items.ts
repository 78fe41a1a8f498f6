import type { Collection } from 'mongodb';
import { countWindows, inWindow } from './item-windows.js';
import type { StoredItem } from './stored-item.js';

/**
 * Removes all items of a batch, window by window, the last ones first (`countWindows` relies on it). A removal that died is gone on
 * with by whoever removes the batch next; two at once do no harm.
 */
export async function removeItems(items: Collection<StoredItem>, batchId: string): Promise<void> {
  for (let window = (await countWindows(items, batchId)) - 1; window >= 0; window -= 1)
    await items.deleteMany(inWindow(batchId, window));
}
