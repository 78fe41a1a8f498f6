import type { BlobStore, StoredBlob } from '../contract/blob-store.js';
import type { MediaStore } from '../contract/store.js';

/** Blobs that are asked about, and condemned, at a time: as many as `MediaStore.referenced` takes. */
const PAGE = 1_000;

export interface BlobSearch {
  /** Blobs that were stored or refreshed at this time or later are left alone. */
  readonly before: Date;
  readonly signal: AbortSignal;
}

/** Old blobs that no media refers to at this moment, in pages of at most 1,000, found as the consumer asks for them. */
export async function* unreferencedBlobs(
  deps: { blobs: Pick<BlobStore, 'listBlobs'>; media: Pick<MediaStore, 'referenced'> },
  { before, signal }: BlobSearch,
): AsyncGenerator<readonly StoredBlob[]> {
  let page: StoredBlob[] = [];
  for await (const blob of deps.blobs.listBlobs()) {
    signal.throwIfAborted();
    if (blob.modifiedAt >= before) continue;
    page.push(blob);
    if (page.length < PAGE) continue;
    yield await unreferenced(deps.media, page);
    page = [];
  }
  if (page.length > 0) yield await unreferenced(deps.media, page);
}

async function unreferenced(media: Pick<MediaStore, 'referenced'>, page: readonly StoredBlob[]): Promise<StoredBlob[]> {
  const referenced = await media.referenced(page.map(({ sha256 }) => sha256));
  return page.filter(({ sha256 }) => !referenced.has(sha256));
}
