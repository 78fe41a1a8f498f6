import type { Collection } from 'mongodb';
import { countWindows, inWindow } from './item-windows.js';
import type { OnChunk } from '../contract/store.js';
import type { StoredItem } from './stored-item.js';

/**
 * Removes all items of a batch, window by window, the last ones first (`countWindows` relies on it). The next removal of
 * the batch completes one that died; two at once do no harm.
 */
export async function removeItems(items: Collection<StoredItem>, batchId: string, onChunk?: OnChunk): Promise<void> {
  for (let window = (await countWindows(items, batchId)) - 1; window >= 0; window -= 1) {
    const { deletedCount } = await items.deleteMany(inWindow(batchId, window));
    onChunk?.(deletedCount);
  }
}
