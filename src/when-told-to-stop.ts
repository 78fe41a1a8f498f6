import { once } from 'node:events';
import type { Logger } from './telemetry/logger.js';

/**
 * Aborts when the process is told to stop: SIGTERM (an orchestrator), SIGINT (Ctrl-C), or the end of the process that forked
 * it, so that nothing outlives a `start` that was killed.
 */
export function whenToldToStop(logger: Logger): AbortSignal {
  const stop = new AbortController();
  for (const event of ['SIGTERM', 'SIGINT', 'disconnect'] as const)
    process.once(event, () => {
      if (stop.signal.aborted) return;
      logger.info({ event }, 'stopping');
      stop.abort(new Error(`Stopped by ${event}`));
    });
  return stop.signal;
}

/** Resolves when the signal aborts. */
export async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}
