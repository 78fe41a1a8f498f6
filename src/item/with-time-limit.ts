/**
 * Runs `work` with a signal that aborts when `outer` does, and with `reason()` after `ms` milliseconds unless `cancel` is called
 * before. A function, because the stack of an error costs more than all else here, and the time is nearly never up.
 * Unlike p-timeout, which leaves late work running and only stops waiting for it, this ends the work itself.
 * @param limits all of them hold at the same time
 */
export async function withTimeLimits<T>(
  outer: AbortSignal,
  limits: readonly TimeLimit[],
  work: (signal: AbortSignal, timers: readonly Timer[]) => Promise<T>,
): Promise<T> {
  const limit = new AbortController();
  const timers = limits.map(({ ms, reason, mayKeepPlace }) => {
    const timer = setTimeout(() => {
      if (mayKeepPlace?.() !== true) limit.abort(reason());
    }, ms);
    return {
      cancel: () => {
        clearTimeout(timer);
      },
    };
  });
  try {
    return await work(AbortSignal.any([outer, limit.signal]), timers);
  } finally {
    for (const timer of timers) timer.cancel();
  }
}

interface TimeLimit {
  readonly ms: number;
  readonly reason: () => Error;
  /** Asked when the time is up; true lets the work continue without this limit. */
  readonly mayKeepPlace?: () => boolean;
}

interface Timer {
  readonly cancel: () => void;
}
