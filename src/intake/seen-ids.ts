import { hash, randomBytes } from 'node:crypto';

/** Grows when three of four places are taken: linear probing gets slow beyond that. */
const FULLEST = 0.75;
/** Each grows by itself: a single table of millions would keep the event loop for a second, and need twice its room meanwhile. */
const TABLES = 64;
const FIRST_PLACES = 16;
/** A place is 32 bits of a hash and a number. */
const PLACE_BYTES = 8;

/** Which ids a batch has had, in 8 bytes a place, 11 to 21 an id: 16 MB for a million. */
export interface SeenIds {
  /** Items that may have the id: nearly always those that have it, for only 38 bits of a hash are kept. */
  candidates(id: string): number[];
  add(id: string, seq: number): void;
}

interface Table {
  /** A place is two numbers: the hash, and the item's number plus one. It is free while the second is 0. */
  places: Uint32Array;
  count: number;
}

/**
 * Salted, so that nobody can choose ids that crowd one place.
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
    table.places = new Uint32Array(Math.max(2 * FIRST_PLACES, 2 * old.length));
    for (let at = 0; at < old.length; at += 2) {
      const seqPlusOne = old[at + 1] ?? 0;
      if (seqPlusOne !== 0) place(table.places, old[at] ?? 0, seqPlusOne);
    }
  };

  return {
    candidates(id) {
      const { table, low } = tableOf(id);
      const { places } = table;
      const found: number[] = [];
      if (table.count === 0) return found;
      const mask = places.length / 2 - 1;
      for (let at = low & mask; places[2 * at + 1] !== 0; at = (at + 1) & mask)
        if (places[2 * at] === low) found.push((places[2 * at + 1] ?? 0) - 1);
      return found;
    },
    add(id, seq) {
      const { table, low } = tableOf(id);
      if (table.count + 1 > (table.places.length / 2) * FULLEST) grow(table);
      table.count += 1;
      place(table.places, low, seq + 1);
    },
  };
}

function place(places: Uint32Array, low: number, seqPlusOne: number): void {
  const mask = places.length / 2 - 1;
  let at = low & mask;
  while (places[2 * at + 1] !== 0) at = (at + 1) & mask;
  places[2 * at] = low;
  places[2 * at + 1] = seqPlusOne;
}
