import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from './telemetry/logger.js';

/** First pause between two tries; a server that starts beside us is up within seconds. */
const FIRST_PAUSE_MS = 250;
/** Longest pause: the end of an outage is noticed this soon. */
const LONGEST_PAUSE_MS = 5_000;

export interface Dependency {
  readonly name: string;
  /** The address that is tried, without credentials. */
  readonly address: string;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/**
 * Repeats `connect` until it succeeds, saying which address it tried. A process that starts before its servers, or while they
 * are away, waits for them instead of dying.
 * @throws the signal's reason when it aborts first
 */
export async function keepTrying<T>(
  { name, address, logger, signal }: Dependency,
  connect: () => Promise<T>,
): Promise<T> {
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(LONGEST_PAUSE_MS, pause * 2)) {
    signal.throwIfAborted();
    try {
      const connected = await connect();
      if (pause > FIRST_PAUSE_MS) logger.info({ address }, `${name} is reachable now`);
      return connected;
    } catch (error) {
      logger.warn({ address, err: error }, `${name} cannot be reached at ${address}, trying again`);
      await delay(pause, undefined, { signal });
    }
  }
}
