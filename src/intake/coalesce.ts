import { LRUCache } from 'lru-cache';

/** Imports that are polled at a time, with room to spare. An answer is a number or two, or a list of some KiB. */
const MAX_ANSWERS = 5_000;

export interface CoalesceOptions {
  /** For this many milliseconds after an answer arrived the question is not asked again. */
  readonly ttlMs: number;
  /** For so many more its answer is still given at once, while the question is put again behind it. */
  readonly staleMs?: number;
  /** Milliseconds since any moment but not 0, which the cache takes for an answer without an age. */
  readonly now?: () => number;
}

/**
 * Wraps a slow question: while one asker waits for a key, all others of the same key wait for the same answer, and it is kept as
 * `options` say. Failures are shared and kept like answers.
 */
export function coalesce<T>(
  ask: (key: string) => Promise<T>,
  { ttlMs, staleMs = 0, now = () => performance.now() }: CoalesceOptions,
): (key: string) => Promise<T> {
  const answers = new LRUCache<string, PromiseSettledResult<T>>({
    max: MAX_ANSWERS,
    ttl: ttlMs,
    // Reads the clock each time: it is cheap beside the questions, and the cache's own timer would make answers last longer.
    ttlResolution: 0,
    perf: { now },
    // What is pushed out while it is asked is answered all the same, and not kept.
    ignoreFetchAbort: true,
    fetchMethod: async (key) => {
      const [outcome] = await Promise.allSettled([ask(key)]);
      return outcome;
    },
  });

  return async (key) => {
    const isUsable = answers.getRemainingTTL(key) > -staleMs;
    const outcome = await answers.fetch(key, { allowStale: isUsable });
    // `fetchMethod` always answers; the cache's type cannot tell.
    if (outcome === undefined) throw new Error('A shared question got no answer');
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  };
}
