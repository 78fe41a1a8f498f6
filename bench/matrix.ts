/** One line of the benchmark: so many items of one size, in so many rounds. */
export interface Cell {
  readonly items: number;
  readonly bytes: number;
  readonly rounds: number;
  /** `pair`: the bare loop and the service alone, where the others would take most of the time. */
  readonly contenders: 'all' | 'pair';
}

/** From here on the others take most of the time and say nothing new. */
const PAIR_FROM = 50_000;

/**
 * A line as the command line names it, `10000x16384x3`: items, bytes, rounds.
 * @throws Error for anything else
 */
export function parseCell(text: string): Cell {
  const [, items, bytes, rounds] = /^([1-9]\d*)x([1-9]\d*)x([1-9]\d*)$/.exec(text) ?? [];
  if (items === undefined) throw new Error(`${text} is not ITEMSxBYTESxROUNDS, such as 10000x16384x3`);
  const contenders = Number(items) >= PAIR_FROM ? 'pair' : 'all';
  return { items: Number(items), bytes: Number(bytes), rounds: Number(rounds), contenders };
}

export type Mode = 'default' | 'quick' | 'full';

const KIB = 1024;
const SIZES = [4 * KIB, 16 * KIB, 1024 * KIB];
const COUNTS = [1_000, 10_000, 100_000];

/**
 * What is measured, small first: 100,000 items leave large collections behind.
 * Quick takes about two minutes on two idle cores, the default about a quarter of an hour, full some hours.
 */
export function matrixOf(mode: Mode): Cell[] {
  if (mode === 'quick')
    return [
      { items: 1_000, bytes: 16 * KIB, rounds: 2, contenders: 'all' },
      { items: 10_000, bytes: 16 * KIB, rounds: 1, contenders: 'pair' },
    ];
  if (mode === 'full')
    return COUNTS.flatMap((items) =>
      SIZES.map((bytes): Cell => ({ items, bytes, rounds: items > 10_000 ? 2 : 3, contenders: 'all' })),
    );
  return [
    { items: 1_000, bytes: 4 * KIB, rounds: 3, contenders: 'all' },
    { items: 1_000, bytes: 16 * KIB, rounds: 3, contenders: 'all' },
    { items: 1_000, bytes: 1024 * KIB, rounds: 3, contenders: 'all' },
    { items: 10_000, bytes: 4 * KIB, rounds: 2, contenders: 'all' },
    { items: 10_000, bytes: 16 * KIB, rounds: 3, contenders: 'all' },
    { items: 100_000, bytes: 16 * KIB, rounds: 2, contenders: 'pair' },
  ];
}
