/**
 * Long downloads that one worker continues in places for short work: a fifth of those (see WORKER_SLOTS). More of them move to the
 * places for long downloads, at the price of another request to their source.
 */
const IN_PROCESS = 20;
/** Of one import, so that the next one finds some. */
const OF_IMPORT = 10;

/** Places in which an attempt that turns out long may stay where it was begun. */
export interface LongPlaces {
  claim(batchId: string): {
    /** Takes a place, once; false when there is none. */
    readonly enter: () => boolean;
    readonly leave: () => void;
  };
}

export function createLongPlaces(): LongPlaces {
  const taken = new Map<string, number>();
  let total = 0;
  const add = (batchId: string, by: number): void => {
    const count = (taken.get(batchId) ?? 0) + by;
    if (count === 0) taken.delete(batchId);
    else taken.set(batchId, count);
    total += by;
  };
  return {
    claim: (batchId) => {
      let isHeld = false;
      return {
        enter: () => {
          if (isHeld) return true;
          if (total >= IN_PROCESS || (taken.get(batchId) ?? 0) >= OF_IMPORT) return false;
          isHeld = true;
          add(batchId, 1);
          return true;
        },
        leave: () => {
          if (isHeld) add(batchId, -1);
          isHeld = false;
        },
      };
    },
  };
}
