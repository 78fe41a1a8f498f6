import type { CheckedItem } from '../contract/import-item.js';
import type { SeenIds } from './seen-ids.js';

/** A checked item and the line that it stands on. */
export interface LineItem {
  readonly line: number;
  readonly item: CheckedItem;
}

/** The ids of a batch whose items are too many to be remembered. */
export interface ItemIds {
  readonly seen: SeenIds;
  /** The ids of items that are stored, by their number. */
  readonly read: (seqs: readonly number[]) => Promise<ReadonlyMap<number, string>>;
}

/**
 * Those items of a chunk whose id no earlier item of the batch has. A hash that was seen is only a suspicion: the earlier item is
 * read from the database, one read for a chunk. An item that is not there, because the batch is refused already, is taken for the
 * same.
 */
export async function distinctItems(
  chunk: readonly LineItem[],
  { seen, read }: ItemIds,
  onDuplicate: (duplicate: LineItem) => void,
): Promise<LineItem[]> {
  const suspects = new Map<LineItem, number[]>();
  for (const entry of chunk) {
    const seqs = seen.candidates(entry.item.externalId);
    if (seqs.length > 0) suspects.set(entry, seqs);
  }
  const stored = suspects.size === 0 ? new Map<number, string>() : await read([...suspects.values()].flat());
  const inChunk = new Set<string>();
  return chunk.filter((entry) => {
    const { externalId } = entry.item;
    const isSame = (seq: number) => (stored.get(seq) ?? externalId) === externalId;
    const isDuplicate = inChunk.has(externalId) || (suspects.get(entry)?.some(isSame) ?? false);
    inChunk.add(externalId);
    if (isDuplicate) onDuplicate(entry);
    return !isDuplicate;
  });
}
