import type { Stack } from '../stack/stack.js';
import type { Progress } from '../stack/progress.js';

/** As a shell reports a process that SIGINT ended. */
const INTERRUPTED = 130;
/** npm hands every Ctrl-C on to what it runs, which has got it from the terminal already. */
const SAME_KEYSTROKE_MS = 500;

export interface Stopping {
  /** Aborts with the first signal. */
  readonly signal: AbortSignal;
  /** Stops the stack, unless a signal has begun that already, and resolves when nothing is left. */
  done(): Promise<void>;
}

/**
 * Stops a stack in order on the first Ctrl-C, SIGTERM or end of the terminal. A second one, from a user who does not want to
 * wait, kills whatever still runs: nothing is lost by that, it only takes the next start longer.
 */
export function stopOnSignals(stack: Stack, report: Progress): Stopping {
  const first = new AbortController();
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopped ??= stack.stop());
  const events = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  let firstAt = 0;
  const onSignal = (): void => {
    if (first.signal.aborted) {
      if (Date.now() - firstAt < SAME_KEYSTROKE_MS) return;
      stack.kill();
      process.exit(INTERRUPTED);
    }
    report('Stopping; once more kills everything at once');
    firstAt = Date.now();
    first.abort();
    stop().catch((error: unknown) => {
      report(error instanceof Error ? error.message : String(error));
    });
  };
  for (const event of events) process.on(event, onSignal);
  return {
    signal: first.signal,
    async done() {
      await stop();
      for (const event of events) process.off(event, onSignal);
    },
  };
}
