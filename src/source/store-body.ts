import { createHash } from 'node:crypto';
import type { BlobWriter } from '../contract/blob-writer.js';
import { ImportError } from '../contract/errors.js';
import { HEAD_BYTES } from './head-bytes.js';
import { isFinal } from './is-final.js';
import type { ReadPart } from './read-back.js';
import { checkSize, type SizeLimit } from './size-limit.js';

export interface StoreOptions<T> {
  /** What the content goes on from; null when it is the whole body. */
  readonly begun: ReadPart | null;
  /** Called once, when the body has been judged. */
  readonly openWriter: () => Promise<BlobWriter>;
  readonly size: SizeLimit;
  readonly signal: AbortSignal;
  /** Judges the first 64 KiB, or all of a smaller body. Nothing reaches the store before; what it throws ends the download. */
  readonly inspect: (head: Uint8Array) => Promise<T>;
  /** Called when all content has been written, before it becomes a blob. */
  readonly onWritten: () => void;
}

export interface StoredBody<T> {
  readonly sha256: string;
  readonly bytes: number;
  readonly inspected: T;
}

/**
 * Hashes content and makes it durable under its hash. What was written stays for a later attempt when this one is aborted or fails
 * in a way that may pass, and where the store was asked to keep it; nothing is left behind otherwise.
 * @throws ImportError empty, too_large, storage_failed; LeaveSweep; whatever the content or `inspect` throws
 */
export async function storeBody<T>(content: AsyncIterable<Buffer>, options: StoreOptions<T>): Promise<StoredBody<T>> {
  const { begun, openWriter, size, signal, inspect, onWritten } = options;
  const hash = begun?.hash ?? createHash('sha256');
  const waiting: Buffer[] = [];
  let bytes = begun?.part.kept ?? 0;
  let open: { writer: BlobWriter; inspected: T } | undefined;

  const begin = async (): Promise<{ writer: BlobWriter; inspected: T }> => {
    if (bytes === 0) throw new ImportError('empty', 'The file has no bytes', { stage: 'body' });
    const head = begun === null ? waiting : [begun.head, ...waiting];
    const inspected = await inspect(Buffer.concat(head).subarray(0, HEAD_BYTES));
    signal.throwIfAborted();
    return { writer: await openWriter(), inspected };
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
    onWritten();
    await open.writer.commit(sha256);
    return { sha256, bytes, inspected: open.inspected };
  } catch (error) {
    await (isFinal(error) && !signal.aborted ? open?.writer.discard() : open?.writer.suspend());
    throw error;
  }
}
