import { createHash } from 'node:crypto';
import type { BlobStore, BlobWriter, PartIdentity } from '../blobs/blob-store.js';
import { ImportError } from '../domain/errors.js';
import { HEAD_BYTES, type Inspected, type Inspection } from './media-type/inspect.js';
import type { Reception } from './reception.js';
import type { ResumePoint } from './resume.js';

/** Whether another attempt would end in the same way, so that nothing need be kept for it. */
export function isFinal(error: unknown): boolean {
  return error instanceof ImportError && !error.retryable;
}

/** Where content is stored. */
export interface StorePlace {
  readonly blobs: Pick<BlobStore, 'createWriter'>;
  /** What the content continues, and what it takes the place of. */
  readonly earlier: ResumePoint;
  /** Of a body that a later attempt may continue. */
  readonly identity: PartIdentity | undefined;
  /** Length of the content as announced; null when unknown. */
  readonly bytesHint: number | null;
}

export interface StoredBody {
  readonly sha256: string;
  readonly bytes: number;
  readonly inspected: Inspected;
}

/**
 * Hashes content and makes it durable under its hash. Nothing reaches the store before the first 64 KiB, or all of a smaller body,
 * were judged. What was written stays for a later attempt when this one is aborted or fails in a way that may pass, and where the
 * store was asked to keep it; nothing is left behind otherwise.
 * @param inspection has been shown what the content continues, and is shown the content; what it throws ends the download
 * @throws ImportError empty, too_large, storage_failed; NeedsOwnActivity; whatever the content or the inspection throws
 */
export async function storeBody(
  content: AsyncIterable<Buffer>,
  reception: Reception,
  inspection: Inspection,
  place: StorePlace,
): Promise<StoredBody> {
  const { signal } = reception;
  const hash = place.earlier.begun?.hash ?? createHash('sha256');
  const head: Buffer[] = [];
  let bytes = reception.offset;
  try {
    for await (const chunk of content) {
      bytes += chunk.byteLength;
      reception.checkSize(bytes);
      hash.update(chunk);
      if (!inspection.settled) await inspection.add(chunk);
      if (reception.writer === undefined) {
        head.push(chunk);
        if (bytes >= HEAD_BYTES) await openWriter(reception, place, head.splice(0));
      } else {
        signal.throwIfAborted();
        await reception.writer.write(chunk);
      }
    }
    if (bytes === 0) throw new ImportError('empty', 'The file has no bytes', { stage: 'body' });
    const inspected = await inspection.finish();
    const writer = reception.writer ?? (await openWriter(reception, place, head));
    signal.throwIfAborted();
    const sha256 = hash.digest('hex');
    await writer.commit(sha256);
    return { sha256, bytes, inspected };
  } catch (error) {
    const { writer } = reception;
    await (isFinal(error) && !signal.aborted ? writer?.discard() : writer?.suspend());
    throw error;
  }
}

/** Begins to write: the reception has its writer from then on, also when the head cannot be written. */
async function openWriter(
  reception: Reception,
  { blobs, earlier: { begun, found }, identity, bytesHint }: StorePlace,
  head: readonly Buffer[],
): Promise<BlobWriter> {
  reception.signal.throwIfAborted();
  if (identity === undefined) await found?.drop();
  const writer = await (begun?.part.resume() ?? blobs.createWriter(bytesHint, identity));
  reception.writer = writer;
  for (const chunk of head) await writer.write(chunk);
  return writer;
}
