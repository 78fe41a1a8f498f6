/** Beyond this many remembered answers the stale ones are dropped. */
const SWEEP_ABOVE = 1000;

export interface CoalesceOptions {
  /** For this many milliseconds after a question was asked it is not asked again. */
  readonly ttlMs: number;
  /** For so many more its answer is still given at once, while the question is put again behind it. */
  readonly staleMs?: number;
  readonly now?: () => number;
}

interface Entry<T> {
  readonly answer: Promise<T>;
  /** Infinity while the question is under way. */
  freshUntil: number;
  refreshing: boolean;
}

/**
 * Wraps a slow question: while one asker waits for a key, all others of the same key wait for the same answer, and it is kept as
 * `options` say. Failures are shared like answers.
 */
export function coalesce<T>(
  ask: (key: string) => Promise<T>,
  { ttlMs, staleMs = 0, now = Date.now }: CoalesceOptions,
): (key: string) => Promise<T> {
  const answers = new Map<string, Entry<T>>();
  const dropStale = () => {
    for (const [key, { freshUntil }] of answers) if (freshUntil + staleMs <= now()) answers.delete(key);
  };

  const put = (key: string, onSettled: (entry: Entry<T>) => void): Entry<T> => {
    const until = now() + ttlMs;
    const entry: Entry<T> = { answer: ask(key), freshUntil: Infinity, refreshing: false };
    const settle = () => {
      entry.freshUntil = until;
      onSettled(entry);
    };
    entry.answer.then(settle, settle);
    return entry;
  };

  return (key) => {
    const known = answers.get(key);
    if (known !== undefined && now() < known.freshUntil) return known.answer;
    if (answers.size > SWEEP_ABOVE) dropStale();
    if (known !== undefined && now() < known.freshUntil + staleMs) {
      if (!known.refreshing) {
        known.refreshing = true;
        // Replaces the old answer only once it has arrived: no caller waits for it meanwhile.
        put(key, (entry) => answers.set(key, entry));
      }
      return known.answer;
    }
    const entry = put(key, () => undefined);
    answers.set(key, entry);
    return entry.answer;
  };
}
