import type { CheckedItem } from '../contract/import-item.js';
import type { SeenIds, SeenItem } from './seen-ids.js';

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
  onDuplicate: (duplicate: LineItem, firstLine: number) => void,
): Promise<LineItem[]> {
  const suspects = new Map<LineItem, SeenItem[]>();
  for (const entry of chunk) {
    const items = seen.candidates(entry.item.externalId);
    if (items.length > 0) suspects.set(entry, items);
  }
  const seqs = [...suspects.values()].flat().map(({ seq }) => seq);
  const stored = suspects.size === 0 ? new Map<number, string>() : await read(seqs);
  const inChunk = new Map<string, number>();
  return chunk.filter((entry) => {
    const { externalId } = entry.item;
    const isSame = ({ seq }: SeenItem) => (stored.get(seq) ?? externalId) === externalId;
    const firstLine = suspects.get(entry)?.find(isSame)?.line ?? inChunk.get(externalId);
    if (firstLine === undefined) inChunk.set(externalId, entry.line);
    else onDuplicate(entry, firstLine);
    return firstLine === undefined;
  });
}
