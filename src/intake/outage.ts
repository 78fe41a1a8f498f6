import { ImportError } from '../contract/errors.js';

export type Dependency = 'mongodb' | 'temporal' | 'blobs';

/** A server that the gateway needs did not answer. The request may be repeated later. */
export class Outage extends Error {
  override readonly name = 'Outage';
  constructor(
    readonly dependency: Dependency,
    options?: ErrorOptions,
  ) {
    super(`${dependency} cannot be reached`, options);
  }
}

/**
 * The driver's names for "no usable connection to a writable server", told by name because only the store knows the driver.
 * Anything else it throws is a bug or a refusal, and must not be dressed up as an outage.
 */
const MONGODB_OUTAGES =
  /^Mongo(?:ServerSelection|Network|NetworkTimeout|NotConnected|TopologyClosed|PoolCleared|PoolClosed|WaitQueueTimeout|OperationTimeout|ConnectionPoolClosed)Error$/;

/** Server codes of a member that cannot take writes now: not primary, shutting down, election (driver SDAM specification). */
const NOT_WRITABLE = new Set([91, 189, 10107, 11600, 11602, 13435, 13436]);

/** Which server was unreachable when this error was thrown, looking through its causes; null when none was. */
export function outageOf(error: unknown): Dependency | null {
  for (let current = error, depth = 0; current instanceof Error && depth < 5; current = current.cause, depth++) {
    if (current instanceof Outage) return current.dependency;
    if (current instanceof ImportError && current.code === 'storage_failed') return 'blobs';
    if (MONGODB_OUTAGES.test(current.name)) return 'mongodb';
    if (current.name === 'MongoServerError' && 'code' in current && NOT_WRITABLE.has(Number(current.code)))
      return 'mongodb';
  }
  return null;
}
