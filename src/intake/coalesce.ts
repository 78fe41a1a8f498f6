/** Beyond this many remembered answers the stale ones are dropped. */
const SWEEP_ABOVE = 1000;

/**
 * Wraps a slow question: while one asker waits for a key, all others of the same key wait for the same answer, and for `ttlMs`
 * after the question was put nobody puts it again. Failures are shared like answers.
 */
export function coalesce<T>(
  ask: (key: string) => Promise<T>,
  ttlMs: number,
  now: () => number = Date.now,
): (key: string) => Promise<T> {
  const answers = new Map<string, { readonly answer: Promise<T>; settledUntil: number }>();
  return (key) => {
    const known = answers.get(key);
    if (known !== undefined && now() < known.settledUntil) return known.answer;
    if (answers.size > SWEEP_ABOVE)
      for (const [stale, { settledUntil }] of answers) if (settledUntil <= now()) answers.delete(stale);
    // In flight for as long as it takes; then good for the rest of its time.
    const until = now() + ttlMs;
    const entry = { answer: ask(key), settledUntil: Infinity };
    const settle = () => {
      entry.settledUntil = until;
    };
    entry.answer.then(settle, settle);
    answers.set(key, entry);
    return entry.answer;
  };
}
