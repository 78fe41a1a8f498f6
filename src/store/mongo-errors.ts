import {
  MongoBulkWriteError,
  MongoError,
  MongoNetworkError,
  MongoServerError,
  MongoWriteConcernError,
  type WriteError,
} from 'mongodb';

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
 * An error that may be logged. The driver's errors of bulks and write concerns carry the documents that were to be written and its
 * duplicate key errors name key values: both may hold source URLs or what clients call secret. What takes their place keeps the
 * name, the code and the labels, by which an outage is told from a refusal (`src/temporal/client.ts`); other errors pass as they are.
 */
export function withoutDocuments(error: unknown): unknown {
  if (error instanceof MongoBulkWriteError) {
    const wrapped: unknown = error.errorResponse;
    // The connection broke: the driver wraps its own error, and a refusal by the server as the raw reply.
    if (wrapped instanceof MongoError) return withoutDocuments(wrapped);
    const unacknowledged = error.result.getWriteConcernError();
    if (unacknowledged !== undefined) return new Refusal('MongoWriteConcernError', unacknowledged.code, error);
    return new Refusal('MongoBulkWriteError', error.code, error);
  }
  if (error instanceof MongoWriteConcernError) return new Refusal(error.name, error.code, error);
  if (isDuplicateKey(error)) return new Error('The database holds a document with this key already');
  return error;
}

/** Whether a write may have taken effect although it failed: its answer, or the acknowledgement of a majority, got lost. */
export function mayHaveTakenEffect(error: unknown): boolean {
  if (error instanceof MongoNetworkError || error instanceof MongoWriteConcernError) return true;
  return error instanceof MongoError && error.hasErrorLabel('RetryableWriteError');
}

/** Why the database did not take writes, without the writes. */
class Refusal extends Error {
  readonly errorLabels: readonly string[];
  constructor(
    override readonly name: string,
    readonly code: number | string | undefined,
    error: MongoError,
  ) {
    super(
      name === 'MongoWriteConcernError'
        ? `The database could not make a write durable${codeText(code)}`
        : `The database did not take a bulk of writes${codeText(code)}`,
    );
    this.errorLabels = error.errorLabels;
  }
}

/** The error of one refused write of a bulk. */
export function refusal(error: WriteError): Error {
  return new Error(`The database refused a write (code ${error.code})`);
}

function codeText(code: number | string | undefined): string {
  return typeof code === 'number' ? ` (code ${code})` : '';
}

/**
 * Runs an upsert by key again when another process inserted the key at the same moment: the second run finds the document.
 * The server repeats it only in some versions and for some filters. More than one repetition would need the document to be
 * deleted in between, which nothing does.
 */
export async function retryDuplicateKey<T>(upsert: () => Promise<T>): Promise<T> {
  try {
    return await upsert();
  } catch (error) {
    if (!isDuplicateKey(error)) throw error;
    try {
      return await upsert();
    } catch (again) {
      throw withoutDocuments(again);
    }
  }
}
