import { createHash } from 'node:crypto';
import type { BlobStore, BlobWriter } from '../contract/blob-store.js';
import { ImportError } from '../contract/errors.js';
import { checkSize, type SizeLimit } from './size-limit.js';

/** Enough for every magic number and for the dimensions of nearly every image, small enough to keep in memory per download. */
const HEAD_BYTES = 64 * 1024;

export interface StoreOptions<T> {
  readonly blobs: BlobStore;
  /** Length of the content when it is known, else null. */
  readonly bytesHint: number | null;
  readonly size: SizeLimit;
  readonly signal: AbortSignal;
  /** Judges the first 64 KiB, or all of a smaller body. Nothing reaches the store before; what it throws ends the download. */
  readonly inspect: (head: Uint8Array) => Promise<T>;
}

export interface StoredBody<T> {
  readonly sha256: string;
  readonly bytes: number;
  readonly inspected: T;
}

/**
 * Hashes content and makes it durable under its hash. Leaves nothing behind when it fails.
 * @throws ImportError empty, too_large, storage_failed; LeaveSweep; whatever the content or `inspect` throws
 */
export async function storeBody<T>(content: AsyncIterable<Buffer>, options: StoreOptions<T>): Promise<StoredBody<T>> {
  const { blobs, bytesHint, size, signal, inspect } = options;
  const hash = createHash('sha256');
  const waiting: Buffer[] = [];
  let bytes = 0;
  let open: { writer: BlobWriter; inspected: T } | undefined;

  const begin = async (): Promise<{ writer: BlobWriter; inspected: T }> => {
    if (bytes === 0) throw new ImportError('empty', 'The file has no bytes', { stage: 'body' });
    const inspected = await inspect(Buffer.concat(waiting).subarray(0, HEAD_BYTES));
    signal.throwIfAborted();
    return { writer: await blobs.createWriter(bytesHint), inspected };
  };
  const flush = async (writer: BlobWriter): Promise<void> => {
    for (const chunk of waiting.splice(0)) await writer.write(chunk);
  };

  try {
    for await (const chunk of content) {
      bytes += chunk.byteLength;
      checkSize(bytes, size);
      hash.update(chunk);
      waiting.push(chunk);
      if (!open && bytes < HEAD_BYTES) continue;
      open ??= await begin();
      await flush(open.writer);
    }
    open ??= await begin();
    await flush(open.writer);
    signal.throwIfAborted();
    const sha256 = hash.digest('hex');
    await open.writer.commit(sha256);
    return { sha256, bytes, inspected: open.inspected };
  } catch (error) {
    await open?.writer.discard();
    throw error;
  }
}
