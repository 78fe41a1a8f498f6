import { hash, randomBytes } from 'node:crypto';

/** Grows when three of four places are taken: linear probing gets slow beyond that. */
const FULLEST = 0.75;
const FIRST_CAPACITY = 2 ** 12;

/** An item that had an id, and the line it stood on. */
export interface SeenItem {
  readonly seq: number;
  readonly line: number;
}

/** Which ids a batch has had, in 16 bytes a place: 34 MB for a million ids, a half more while it grows. */
export interface SeenIds {
  /** Items that may have the id: nearly always those that have it, for only 64 bits of a hash are kept. */
  candidates(id: string): SeenItem[];
  add(id: string, item: SeenItem): void;
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

  const place = (low: number, high: number, seqPlusOne: number, line: number): void => {
    let at = low & (capacity - 1);
    while (table.seqs[at] !== 0) at = (at + 1) & (capacity - 1);
    table.lows[at] = low;
    table.highs[at] = high;
    table.seqs[at] = seqPlusOne;
    table.lines[at] = line;
  };

  const grow = (): void => {
    const old = table;
    capacity *= 2;
    table = emptyTable(capacity);
    for (let at = 0; at < old.seqs.length; at += 1) {
      const seqPlusOne = old.seqs[at] ?? 0;
      if (seqPlusOne !== 0) place(old.lows[at] ?? 0, old.highs[at] ?? 0, seqPlusOne, old.lines[at] ?? 0);
    }
  };

  return {
    candidates(id) {
      const [low, high] = hashOf(id);
      const found: SeenItem[] = [];
      for (let at = low & (capacity - 1); table.seqs[at] !== 0; at = (at + 1) & (capacity - 1))
        if (table.lows[at] === low && table.highs[at] === high)
          found.push({ seq: (table.seqs[at] ?? 0) - 1, line: table.lines[at] ?? 0 });
      return found;
    },
    add(id, { seq, line }) {
      if (count + 1 > capacity * FULLEST) grow();
      count += 1;
      place(...hashOf(id), seq + 1, line);
    },
  };
}

/** A place is free while its `seqs` is 0. */
function emptyTable(capacity: number) {
  const numbers = () => new Uint32Array(capacity);
  return { lows: numbers(), highs: numbers(), seqs: numbers(), lines: numbers() };
}
