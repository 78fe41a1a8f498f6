import { MongoBulkWriteError, MongoError, MongoServerError, type WriteError } from 'mongodb';

const DUPLICATE_KEY = 11_000;

/** Whether a single write was refused because its key exists. */
export function isDuplicateKey(error: unknown): boolean {
  return error instanceof MongoServerError && error.code === DUPLICATE_KEY;
}

/** Whether one write of a bulk was refused because its key exists. */
export function isDuplicateKeyWrite(error: WriteError): boolean {
  return error.code === DUPLICATE_KEY;
}

/** What is known of a bulk in which single writes were refused while all others were acknowledged. */
export interface PartialBulk {
  /** How many updates found their document. */
  readonly matched: number;
  /** The refused writes by their position in the bulk. */
  readonly refused: ReadonlyMap<number, WriteError>;
}

/** Null when the bulk as a whole failed (connection, write concern), so that nothing is known of any of its writes. */
export function partialBulk(error: unknown): PartialBulk | null {
  if (!(error instanceof MongoBulkWriteError)) return null;
  if (error.result.getWriteConcernError() !== undefined) return null;
  const refused = [error.writeErrors].flat();
  if (refused.length === 0) return null;
  return { matched: error.matchedCount, refused: new Map(refused.map((write) => [write.index, write])) };
}

/**
 * An error that may be logged. The driver's bulk errors carry the documents they tried to write and its duplicate key errors
 * name key values: both may hold source URLs or what clients call secret. The error of the connection that a bulk error wraps
 * takes its place, so that an outage can be told from a refusal; other errors pass as they are.
 */
export function withoutDocuments(error: unknown): unknown {
  if (error instanceof MongoBulkWriteError) {
    const wrapped: unknown = error.errorResponse;
    if (wrapped instanceof MongoError) return withoutDocuments(wrapped);
    return new Error(`The database did not take a bulk of writes${codeOf(error)}`);
  }
  if (isDuplicateKey(error)) return new Error('The database holds a document with this key already');
  return error;
}

/** The error of one refused write of a bulk. */
export function refusal(error: WriteError): Error {
  return new Error(`The database refused a write (code ${error.code})`);
}

function codeOf(error: MongoServerError): string {
  return typeof error.code === 'number' ? ` (code ${error.code})` : '';
}
