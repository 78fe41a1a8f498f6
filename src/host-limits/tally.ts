/** Counts what is inside of what: items at hosts, downloads in places. */
export interface Tally {
  /** How many are inside under a key. */
  of(key: string): number;
  /** How many are inside under all keys together. */
  readonly total: number;
  /** Counts one more until what it returns is called, which must be called once. */
  enter(key: string): () => void;
}

/** A tally that forgets the keys under which there is nothing, so it grows with what is inside only. */
export function createTally(): Tally {
  const counts = new Map<string, number>();
  let total = 0;
  const add = (key: string, by: number): void => {
    const count = (counts.get(key) ?? 0) + by;
    if (count === 0) counts.delete(key);
    else counts.set(key, count);
    total += by;
  };
  return {
    of: (key) => counts.get(key) ?? 0,
    get total() {
      return total;
    },
    enter: (key) => {
      add(key, 1);
      return () => {
        add(key, -1);
      };
    },
  };
}
