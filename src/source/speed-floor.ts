export interface SpeedFloor {
  /**
   * Takes note of a chunk and of how long it was waited for. Time that is spent elsewhere, such as in a slow store, is not told
   * and does not count.
   * @returns false when the source has been slower than the floor over the whole window
   */
  record(bytes: number, waitedMs: number): boolean;
}

interface Slot {
  bytes: number;
  waitedMs: number;
}

/** Enough steps for the window to slide smoothly, few enough to add up at every chunk. */
const SLOTS = 30;

/**
 * A minimum speed over a sliding window of waiting time. Silence is not its business (the idle limit ends it): this one is for
 * bodies that drip just fast enough to look alive.
 */
export function createSpeedFloor(minBytesPerSecond: number, windowMs: number): SpeedFloor {
  const slots: Slot[] = [{ bytes: 0, waitedMs: 0 }];
  const total: Slot = { bytes: 0, waitedMs: 0 };
  return {
    record(bytes, waitedMs) {
      let current = slots.at(-1);
      if (!current || current.waitedMs >= windowMs / SLOTS) slots.push((current = { bytes: 0, waitedMs: 0 }));
      add(current, bytes, waitedMs);
      add(total, bytes, waitedMs);
      for (let oldest = slots[0]; oldest && total.waitedMs - oldest.waitedMs >= windowMs; oldest = slots[0]) {
        add(total, -oldest.bytes, -oldest.waitedMs);
        slots.shift();
      }
      return total.waitedMs < windowMs || total.bytes >= (minBytesPerSecond * total.waitedMs) / 1000;
    },
  };
}

function add(slot: Slot, bytes: number, waitedMs: number): void {
  slot.bytes += bytes;
  slot.waitedMs += waitedMs;
}
