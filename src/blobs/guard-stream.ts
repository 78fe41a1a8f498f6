import { PassThrough, type Readable } from 'node:stream';
import { storageError } from './storage-error.js';

/**
 * The same bytes, with errors as ImportError. Destroying the answer, also before its first byte was read, frees the file
 * descriptor or the socket behind `source`.
 */
export function guardStream(source: Readable): Readable {
  const guarded = new PassThrough();
  source.once('error', (error) => guarded.destroy(storageError(error)));
  guarded.once('close', () => source.destroy());
  return source.pipe(guarded);
}
