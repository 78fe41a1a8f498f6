/** The measures of a run. */
export interface ChaosSettings {
  readonly items: number;
  /** How long things are broken; a little longer when not everything was broken once by then. */
  readonly forMs: number;
  /** Bounds of the pause between two acts of the monkey. */
  readonly pauseMs: readonly [number, number];
  /** One in so many new files is a large one. */
  readonly largeEvery: number;
  readonly largestBytes: number;
  /** Longest time for what is left when nothing is broken any more. */
  readonly settleMs: number;
}

const MIB = 1024 * 1024;
/** A run below this breaks things faster, so that everything is broken once, and takes smaller large files. */
const SHORT_MINUTES = 2;

export function settingsFor({ items, minutes }: { items: number; minutes: number }): ChaosSettings {
  const isShort = minutes < SHORT_MINUTES;
  return {
    items,
    forMs: minutes * 60_000,
    pauseMs: isShort ? [600, 2_200] : [2_000, 6_000],
    largeEvery: isShort ? 60 : 100,
    largestBytes: (isShort ? 11 : 30) * MIB,
    // Backlogs, the minute after which a webhook attempt that died is repeated, and whatever the machine does besides.
    settleMs: (isShort ? 4 : 10) * 60_000,
  };
}
