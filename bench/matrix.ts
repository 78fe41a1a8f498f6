/** One line of the benchmark: so many items of one size, in so many rounds. */
export interface Cell {
  readonly items: number;
  readonly bytes: number;
  readonly rounds: number;
  /** `pair`: the bare loop and the service alone, where the others would take most of the time. */
  readonly contenders: 'all' | 'pair';
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
