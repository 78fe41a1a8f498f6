import { ImportError } from '../domain/errors.js';

/** Names an import in every question to the workflow engine. */
export interface BatchRef {
  readonly projectId: string;
  readonly batchId: string;
}

type Dependency = 'mongodb' | 'temporal' | 'blobs';

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

/** The names under which the driver hands on what a server answered: to a command, to a bulk of writes. */
const MONGODB_ANSWERS = /^Mongo(?:Server|BulkWrite)Error$/;

/**
 * Server codes that say "not here, not now". Of a member that is no primary, shuts down or takes part in an election: the SDAM
 * specification of drivers. Of connections and time limits within the cluster: their specification of retryable reads and writes.
 */
const NOT_NOW = new Set([
  6, // HostUnreachable
  7, // HostNotFound
  43, // CursorNotFound: cursors die with their primary
  50, // MaxTimeMSExpired
  64, // WriteConcernTimeout
  89, // NetworkTimeout
  91, // ShutdownInProgress
  133, // FailedToSatisfyReadPreference
  134, // ReadConcernMajorityNotAvailableYet
  189, // PrimarySteppedDown
  262, // ExceededTimeLimit
  365, // TemporarilyUnavailable
  9001, // SocketException
  10058, // LegacyNotPrimary
  10107, // NotWritablePrimary
  11600, // InterruptedAtShutdown
  11602, // InterruptedDueToReplStateChange
  13435, // NotPrimaryNoSecondaryOk
  13436, // NotPrimaryOrSecondary
]);

/** By these a server, or the driver, says that the same request may succeed in a moment, whatever the code. */
const REPEATABLE = ['RetryableWriteError', 'SystemOverloadedError'];

/** Which server was unreachable when this error was thrown, looking through its causes; null when none was. */
export function outageOf(error: unknown): Dependency | null {
  for (let current = error, depth = 0; current instanceof Error && depth < 5; current = current.cause, depth++) {
    if (current instanceof Outage) return current.dependency;
    if (current instanceof ImportError && current.code === 'storage_failed') return 'blobs';
    if (isMongodbOutage(current)) return 'mongodb';
  }
  return null;
}

function isMongodbOutage(error: Error & { readonly code?: unknown; readonly errorLabels?: unknown }): boolean {
  if (MONGODB_OUTAGES.test(error.name)) return true;
  // The write is there, and may be lost again: nothing but a repetition can tell.
  if (error.name === 'MongoWriteConcernError') return true;
  if (!MONGODB_ANSWERS.test(error.name)) return false;
  const labels = Array.isArray(error.errorLabels) ? error.errorLabels : [];
  return NOT_NOW.has(Number(error.code)) || REPEATABLE.some((label) => labels.includes(label));
}
