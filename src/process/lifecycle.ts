import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { errorCode } from '../domain/errors.js';
import type { Logger } from '../telemetry/logger.js';
import { outageOf } from '../temporal/client.js';

/** First pause between two tries; a server that starts beside us is up within seconds. */
const FIRST_PAUSE_MS = 250;
/** Longest pause: the end of an outage is noticed this soon. */
const LONGEST_PAUSE_MS = 5_000;
/** A namespace that was just created is known to every frontend after its cache was refreshed, which takes some seconds. */
const NAMESPACE_KNOWN_AFTER_MS = 15_000;

export interface Dependency {
  readonly name: string;
  /** The address that is tried, without credentials. */
  readonly address: string;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/**
 * Repeats `connect` while its server cannot be reached, saying which address it tried and why it failed. A process that starts
 * before its servers, or while they are away, waits for them instead of dying. No client has sent anything that is in these
 * errors, so their messages are logged.
 * @throws the signal's reason when it aborts first; the error of `connect` when waiting does not help, such as a wrong password, a
 * namespace that is not there, an index that conflicts or workflow code that does not build
 */
export async function retryUntilConnected<T>(
  { name, address, logger, signal }: Dependency,
  connect: () => Promise<T>,
): Promise<T> {
  const startedAt = Date.now();
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(LONGEST_PAUSE_MS, pause * 2)) {
    signal.throwIfAborted();
    try {
      const connected = await connect();
      if (pause > FIRST_PAUSE_MS) logger.info({ address }, `${name} is reachable now`);
      return connected;
    } catch (error) {
      const verdict = verdictOn(error);
      if (verdict === 'refused')
        throw new Error(`${name} at ${address} refuses this process: ${messageOf(error)}`, { cause: error });
      if (verdict === 'unknown namespace' && Date.now() - startedAt > NAMESPACE_KNOWN_AFTER_MS)
        throw new Error(
          `${name} at ${address} does not have the namespace: create it, or name another one with TEMPORAL_NAMESPACE`,
          { cause: error },
        );
      if (verdict === 'other') throw error;
      logger.warn(
        { address, reason: messageOf(error), err: error },
        `${name} cannot be reached at ${address}, trying again`,
      );
      await delay(pause, undefined, { signal });
    }
  }
}

type Verdict = 'away' | 'refused' | 'unknown namespace' | 'other';

/** What gRPC calls a server that may answer the next time: CANCELLED, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, ABORTED, INTERNAL, UNAVAILABLE. */
const PASSING_GRPC_CODES: readonly unknown[] = [1, 4, 8, 10, 13, 14];
/** PERMISSION_DENIED and UNAUTHENTICATED. */
const REFUSING_GRPC_CODES: readonly unknown[] = [7, 16];
/** The words that the native part of the Temporal SDK has for those two, and for NOT_FOUND: it hands no code on. */
const REFUSING_WORDS =
  /valid authentication credentials|does not have permission|code: (?:Unauthenticated|PermissionDenied)/i;
const UNKNOWN_NAMESPACE_WORDS = /namespace \S+ (?:was|is) not found|requested entity was not found/i;
const CONNECTION_CODES = /^(?:ECONN\w+|ETIMEDOUT|EPIPE|EHOSTUNREACH|ENETUNREACH|ENETDOWN|EAI_AGAIN|ENOTFOUND)$/;
/** AuthenticationFailed, Unauthorized and UserNotFound of MongoDB. */
const REFUSING_MONGODB_CODES: readonly unknown[] = [11, 13, 18];

/** Told by names and codes: each server's driver is known to one folder only. */
function verdictOn(error: unknown): Verdict {
  for (let current = error, depth = 0; current instanceof Error && depth < 5; current = current.cause, depth += 1) {
    const verdict = verdictOnOne(current);
    if (verdict !== 'other') return verdict;
  }
  return 'other';
}

function verdictOnOne(error: Error): Verdict {
  const code = errorCode(error);
  if (error.name === 'NamespaceNotFoundError' || UNKNOWN_NAMESPACE_WORDS.test(error.message))
    return 'unknown namespace';
  if (error.name === 'MongoServerError' && REFUSING_MONGODB_CODES.includes(code)) return 'refused';
  if (outageOf(error) !== null) return 'away';
  if (error.name === 'TransportError') return REFUSING_WORDS.test(error.message) ? 'refused' : 'away';
  if (typeof code === 'string') return CONNECTION_CODES.test(code) ? 'away' : 'other';
  // gRPC's own errors have the details of the answer beside their code.
  if (!('details' in error)) return 'other';
  if (REFUSING_GRPC_CODES.includes(code)) return 'refused';
  return PASSING_GRPC_CODES.includes(code) ? 'away' : 'other';
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { message, cause } = error;
  return cause instanceof Error && !message.includes(cause.message) ? `${message}: ${cause.message}` : message;
}

/**
 * Aborts when the process is told to stop: SIGTERM (an orchestrator), SIGINT (Ctrl-C), or the end of the process that forked
 * it, so that nothing outlives a `start` that was killed.
 */
export function shutdownSignal(logger: Logger): AbortSignal {
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

/**
 * By how much the old generation may grow beyond what the last collection left before the next one begins. V8's own measure is the
 * machine's memory and the rate of allocation: a worker with 60 MiB alive grew to 470 MiB, with this it stays below 350. Bodies
 * count as growth, though their memory is outside of the heap: with 30, a gigabyte of them meant 64 collections of the whole heap
 * and three times the processor time, with 80 a tenth of those.
 */
const GROWTH_PERCENT = 80;

/** Keeps the memory of a process that allocates much and keeps little near what it keeps. V8 reads the flag at every collection. */
export function limitHeapGrowth(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
}
