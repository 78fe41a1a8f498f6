import { PassThrough, type Readable } from 'node:stream';
import { ImportError } from '../domain/errors.js';

const NO_SPACE = 'The blob store has no space left';
const REFUSED = 'The blob store refuses access';
const READ_ONLY = 'The blob store may not be written to';
const NO_FILES = 'The process has too many open files';
const UNREACHABLE = 'The blob store cannot be reached';
const NO_BUCKET = 'The bucket of the blob store does not exist';
const BUSY = 'The blob store is overloaded';

/** By errno name of the file system or the socket, or by error name of the S3 API. */
const SENTENCES: Readonly<Record<string, string>> = {
  ENOSPC: NO_SPACE,
  EDQUOT: NO_SPACE,
  EROFS: READ_ONLY,
  EACCES: READ_ONLY,
  EPERM: READ_ONLY,
  EMFILE: NO_FILES,
  ENFILE: NO_FILES,
  ECONNREFUSED: UNREACHABLE,
  ECONNRESET: UNREACHABLE,
  EPIPE: UNREACHABLE,
  ENOTFOUND: UNREACHABLE,
  EAI_AGAIN: UNREACHABLE,
  ETIMEDOUT: UNREACHABLE,
  EHOSTUNREACH: UNREACHABLE,
  ENETUNREACH: UNREACHABLE,
  TimeoutError: UNREACHABLE,
  AccessDenied: REFUSED,
  InvalidAccessKeyId: REFUSED,
  SignatureDoesNotMatch: REFUSED,
  ExpiredToken: REFUSED,
  CredentialsProviderError: 'The blob store was given no credentials',
  NoSuchBucket: NO_BUCKET,
  NoSuchUpload: 'An upload to the blob store was ended by another client',
  SlowDown: BUSY,
  ServiceUnavailable: BUSY,
  XMinioStorageFull: NO_SPACE,
  QuotaExceeded: NO_SPACE,
};

/**
 * The errno name (`ENOSPC`) or S3 error name (`NoSuchKey`) of anything thrown; empty when it has none. Looks at the shape, not
 * the class: errors of the file system may come from another realm than ours.
 */
export function errorCode(error: unknown): string {
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
  if (typeof code === 'string') return code;
  return typeof name === 'string' && name !== 'Error' ? name : '';
}

interface RequestError {
  readonly $metadata?: { readonly httpStatusCode?: number };
}

/** The HTTP status that an S3-compatible store answered with, null when there was no answer or no request. */
export function httpStatusOf(error: unknown): number | null {
  return (error as RequestError | null)?.$metadata?.httpStatusCode ?? null;
}

/** What a failed request says without a name that we know; null when it was not one. */
function sentenceOfRequest(error: unknown): string | null {
  if (!(error as RequestError | null)?.$metadata) return null;
  const status = httpStatusOf(error);
  if (status === null) return UNREACHABLE;
  return status === 403 ? REFUSED : null;
}

/**
 * The ImportError of anything that a store met. Its sentence names no path, key, host or bucket: those stay in `cause`, which
 * is for logs.
 */
export function storageError(error: unknown): ImportError {
  if (error instanceof ImportError) return error;
  const code = errorCode(error);
  const sentence = SENTENCES[code] ?? sentenceOfRequest(error);
  return new ImportError(
    'storage_failed',
    sentence ?? `The blob store failed${/^[A-Za-z0-9_]{1,40}$/.test(code) ? ` (${code})` : ''}`,
    { stage: 'store' },
    { cause: error },
  );
}

/** What an attempt meets that was taken for dead: a later one continues, has committed or has dropped its part. */
export function takenOver(): ImportError {
  return new ImportError('storage_failed', 'The part of this body belongs to another attempt now', { stage: 'store' });
}

/** Runs an operation of a store and turns whatever it throws into an ImportError. */
export async function asStorageError<T>(operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    throw storageError(error);
  }
}

/**
 * The same bytes, with errors as ImportError. Destroying the answer, also before its first byte was read, frees the file
 * descriptor or the socket behind `source`.
 */
export function wrapStreamErrors(source: Readable): Readable {
  const guarded = new PassThrough();
  source.once('error', (error) => guarded.destroy(storageError(error)));
  guarded.once('close', () => source.destroy());
  return source.pipe(guarded);
}
