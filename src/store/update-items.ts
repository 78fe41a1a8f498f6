import type { Collection, Filter, UpdateFilter } from 'mongodb';
import type { OnChunk } from '../contract/store.js';
import { mayHaveTakenEffect } from './database-error.js';
import { countWindows, inWindow } from './item-windows.js';
import type { StoredItem } from './stored-item.js';

/** As many as a window has: a command of some ten milliseconds. */
const CHUNK = 1_000;

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

/**
 * Settles the open items of one host along the index of the host, a thousand at a time, and answers how many. The driver does not
 * repeat an update of many documents whose answer was lost, so that is done here; what its first try has settled is then counted by
 * its token.
 */
export async function settleOpenOfHost(
  items: Collection<StoredItem>,
  { batchId, host }: { batchId: string; host: string },
  token: string,
  ended: Partial<StoredItem>,
  onChunk?: OnChunk,
): Promise<number> {
  const update: UpdateFilter<StoredItem> = { $set: { ...ended, settledBy: token }, $unset: { nextAttemptAt: '' } };
  let settled = 0;
  for (let fromSeq = 0; ;) {
    const open = { batchId, host, state: 'open' as const };
    const chunk = await items
      .find({ ...open, seq: { $gte: fromSeq } }, { projection: { _id: 0, seq: 1 }, batchSize: CHUNK })
      .sort({ seq: 1 })
      .limit(CHUNK)
      .toArray();
    const [first, last] = [chunk[0], chunk.at(-1)];
    if (first === undefined || last === undefined) return settled;
    const range = { $gte: first.seq, $lte: last.seq };
    const count = await updateOnce(
      async () => (await items.updateMany({ ...open, seq: range }, update)).modifiedCount,
      () => items.countDocuments({ batchId, host, seq: range, settledBy: token }),
    );
    settled += count;
    onChunk?.(count);
    if (chunk.length < CHUNK) return settled;
    fromSeq = last.seq + 1;
  }
}

/** @throws as the repetition of an update does whose answer was lost, and as the update itself does otherwise */
async function updateOnce(update: () => Promise<number>, recount: () => Promise<number>): Promise<number> {
  try {
    return await update();
  } catch (error) {
    if (!mayHaveTakenEffect(error)) throw error;
    await update();
    return recount();
  }
}
