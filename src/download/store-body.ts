import { createHash } from 'node:crypto';
import type { BlobWriter } from '../blobs/blob-store.js';
import { ImportError } from '../domain/errors.js';
import { HEAD_BYTES, type Inspected, type Inspection } from './media-type/inspect.js';
import { checkSize, type SizeLimit } from './receive-body.js';
import type { ReadPart } from './resume.js';

/** Whether another attempt would end in the same way, so that nothing need be kept for it. */
export function isFinal(error: unknown): boolean {
  return error instanceof ImportError && !error.retryable;
}

export interface StoreOptions {
  /** What the content goes on from; null when it is the whole body. */
  readonly begun: ReadPart | null;
  /** Called once, when the body has been judged. */
  readonly openWriter: () => Promise<BlobWriter>;
  readonly size: SizeLimit;
  readonly signal: AbortSignal;
  /**
   * Is shown the content, and has been shown what it goes on from. Nothing reaches the store before the first 64 KiB, or all of a
   * smaller body, were judged; what it throws ends the download.
   */
  readonly inspection: Inspection;
}

export interface StoredBody {
  readonly sha256: string;
  readonly bytes: number;
  readonly inspected: Inspected;
}

/**
 * Hashes content and makes it durable under its hash. What was written stays for a later attempt when this one is aborted or fails
 * in a way that may pass, and where the store was asked to keep it; nothing is left behind otherwise.
 * @throws ImportError empty, too_large, storage_failed; LeaveSweep; whatever the content or the inspection throws
 */
export async function storeBody(content: AsyncIterable<Buffer>, options: StoreOptions): Promise<StoredBody> {
  const { begun, openWriter, size, signal, inspection } = options;
  const hash = begun?.hash ?? createHash('sha256');
  const waiting: Buffer[] = [];
  let bytes = begun?.part.kept ?? 0;
  let writer: BlobWriter | undefined;

  const flush = async (): Promise<BlobWriter> => {
    signal.throwIfAborted();
    writer ??= await openWriter();
    for (const chunk of waiting.splice(0)) await writer.write(chunk);
    return writer;
  };

  try {
    for await (const chunk of content) {
      bytes += chunk.byteLength;
      checkSize(bytes, size);
      hash.update(chunk);
      waiting.push(chunk);
      if (!inspection.settled) await inspection.add(chunk);
      if (writer || bytes >= HEAD_BYTES) await flush();
    }
    if (bytes === 0) throw new ImportError('empty', 'The file has no bytes', { stage: 'body' });
    const inspected = await inspection.finish();
    const whole = await flush();
    signal.throwIfAborted();
    const sha256 = hash.digest('hex');
    await whole.commit(sha256);
    return { sha256, bytes, inspected };
  } catch (error) {
    await (isFinal(error) && !signal.aborted ? writer?.discard() : writer?.suspend());
    throw error;
  }
}
