import type { BlobStore } from '../contract/blob-store.js';
import type { StoredPart } from '../contract/blob-part.js';
import type { BlobSearch } from './unreferenced-blobs.js';

/** What belongs to bodies that have not grown since `before`, found as the consumer asks for it. */
export async function* expiredParts(
  blobs: Pick<BlobStore, 'listParts'>,
  { before, signal }: BlobSearch,
): AsyncGenerator<StoredPart> {
  for await (const part of blobs.listParts()) {
    signal.throwIfAborted();
    if (part.modifiedAt < before) yield part;
  }
}
