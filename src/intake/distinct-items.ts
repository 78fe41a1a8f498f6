import { hash, randomBytes } from 'node:crypto';
import type { CheckedItem } from './request/item.js';

/** Grows when three of four places are taken: linear probing gets slow beyond that. */
const FULLEST = 0.75;
/** Each grows by itself: a single table of millions would keep the event loop for a second, and need twice its room meanwhile. */
const TABLES = 64;
const FIRST_PLACES = 16;
/** A place is three numbers of 32 bits: of a hash, of an item, of a line. */
const NUMBERS = 3;
const PLACE_BYTES = NUMBERS * Uint32Array.BYTES_PER_ELEMENT;

/** An item that had an id, and the line it stood on. */
export interface SeenItem {
  readonly seq: number;
  readonly line: number;
}

/** Which ids a batch has had, in 12 bytes a place, 16 to 32 an id: 25 MB for a million. */
export interface SeenIds {
  /** Items that may have the id: nearly always those that have it, for only 38 bits of a hash are kept. */
  candidates(id: string): SeenItem[];
  add(id: string, item: SeenItem): void;
}

interface Table {
  /** A place has the hash, the item's number plus one, and its line. It is free while the second is 0. */
  places: Uint32Array;
  count: number;
}

/**
 * Salted, so that a client cannot choose ids that collide.
 * @param keep is told by how many bytes it is about to grow, and may throw
 */
export function createSeenIds(keep: (bytes: number) => void = () => undefined): SeenIds {
  const salt = randomBytes(16).toString('hex');
  const tables: Table[] = Array.from({ length: TABLES }, () => ({ places: new Uint32Array(0), count: 0 }));

  const tableOf = (id: string): { table: Table; low: number } => {
    const digest = hash('sha1', salt + id, 'hex');
    const table = tables[Number.parseInt(digest.slice(8, 10), 16) % TABLES];
    if (table === undefined) throw new Error('There is no such table');
    return { table, low: Number.parseInt(digest.slice(0, 8), 16) };
  };

  const grow = (table: Table): void => {
    const old = table.places;
    keep(Math.max(FIRST_PLACES * PLACE_BYTES, old.byteLength));
    table.places = new Uint32Array(Math.max(NUMBERS * FIRST_PLACES, 2 * old.length));
    for (let at = 0; at < old.length; at += NUMBERS) {
      const seqPlusOne = old[at + 1] ?? 0;
      if (seqPlusOne !== 0) place(table.places, old[at] ?? 0, seqPlusOne, old[at + 2] ?? 0);
    }
  };

  return {
    candidates(id) {
      const { table, low } = tableOf(id);
      const { places } = table;
      const found: SeenItem[] = [];
      if (table.count === 0) return found;
      const mask = places.length / NUMBERS - 1;
      for (let at = low & mask; places[NUMBERS * at + 1] !== 0; at = (at + 1) & mask)
        if (places[NUMBERS * at] === low)
          found.push({ seq: (places[NUMBERS * at + 1] ?? 0) - 1, line: places[NUMBERS * at + 2] ?? 0 });
      return found;
    },
    add(id, { seq, line }) {
      const { table, low } = tableOf(id);
      if (table.count + 1 > (table.places.length / NUMBERS) * FULLEST) grow(table);
      table.count += 1;
      place(table.places, low, seq + 1, line);
    },
  };
}

function place(places: Uint32Array, low: number, seqPlusOne: number, line: number): void {
  const mask = places.length / NUMBERS - 1;
  let at = low & mask;
  while (places[NUMBERS * at + 1] !== 0) at = (at + 1) & mask;
  places[NUMBERS * at] = low;
  places[NUMBERS * at + 1] = seqPlusOne;
  places[NUMBERS * at + 2] = line;
}

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
