import { hash, randomBytes } from 'node:crypto';

/** Grows when three of four places are taken: linear probing gets slow beyond that. */
const FULLEST = 0.75;
const FIRST_CAPACITY = 2 ** 12;

/** Which ids a batch has had, in 12 bytes a place: 25 MB for a million ids, a half more while it grows. */
export interface SeenIds {
  /** Items that may have the id: nearly always those that have it, for only 64 bits of a hash are kept. */
  candidates(id: string): number[];
  add(id: string, seq: number): void;
}

/** Salted, so that nobody can choose ids that crowd one place. */
export function createSeenIds(): SeenIds {
  const salt = randomBytes(16).toString('hex');
  let capacity = FIRST_CAPACITY;
  let count = 0;
  let table = emptyTable(capacity);

  const hashOf = (id: string): [number, number] => {
    const digest = hash('sha1', salt + id, 'hex');
    return [Number.parseInt(digest.slice(0, 8), 16), Number.parseInt(digest.slice(8, 16), 16)];
  };

  const place = (low: number, high: number, seqPlusOne: number): void => {
    let at = low & (capacity - 1);
    while (table.seqs[at] !== 0) at = (at + 1) & (capacity - 1);
    table.lows[at] = low;
    table.highs[at] = high;
    table.seqs[at] = seqPlusOne;
  };

  const grow = (): void => {
    const old = table;
    capacity *= 2;
    table = emptyTable(capacity);
    for (let at = 0; at < old.seqs.length; at += 1) {
      const seqPlusOne = old.seqs[at] ?? 0;
      if (seqPlusOne !== 0) place(old.lows[at] ?? 0, old.highs[at] ?? 0, seqPlusOne);
    }
  };

  return {
    candidates(id) {
      const [low, high] = hashOf(id);
      const found: number[] = [];
      for (let at = low & (capacity - 1); table.seqs[at] !== 0; at = (at + 1) & (capacity - 1))
        if (table.lows[at] === low && table.highs[at] === high) found.push((table.seqs[at] ?? 0) - 1);
      return found;
    },
    add(id, seq) {
      if (count + 1 > capacity * FULLEST) grow();
      count += 1;
      place(...hashOf(id), seq + 1);
    },
  };
}

/** A place is free while its `seqs` is 0. */
function emptyTable(capacity: number) {
  return { lows: new Uint32Array(capacity), highs: new Uint32Array(capacity), seqs: new Uint32Array(capacity) };
}
