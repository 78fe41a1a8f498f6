import type { Collection, Filter, UpdateFilter } from 'mongodb';
import type { OnChunk } from '../contract/store.js';
import { countWindows, inWindow } from './item-windows.js';
import type { StoredItem } from './stored-item.js';

/** Updates those items of a batch that match, window by window. A repetition of one that died finds the rest. */
export async function updateItems(
  items: Collection<StoredItem>,
  batchId: string,
  matching: Filter<StoredItem>,
  update: UpdateFilter<StoredItem>,
  onChunk?: OnChunk,
): Promise<void> {
  const windows = await countWindows(items, batchId);
  for (let window = 0; window < windows; window += 1) {
    const { modifiedCount } = await items.updateMany({ ...inWindow(batchId, window), ...matching }, update);
    onChunk?.(modifiedCount);
  }
}
