/**
 * Runs `work` with a signal that aborts when `outer` does, and with `reason()` after `ms` milliseconds. A function, because the stack
 * of an error costs more than all else here, and the time is nearly never up.
 */
export async function aborting<T>(
  outer: AbortSignal,
  ms: number,
  reason: () => Error,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = new AbortController();
  const timer = setTimeout(() => {
    limit.abort(reason());
  }, ms);
  try {
    return await work(AbortSignal.any([outer, limit.signal]));
  } finally {
    clearTimeout(timer);
  }
}
