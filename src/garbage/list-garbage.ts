import type { BlobStore } from '../contract/blob-store.js';
import type { Batch } from '../contract/batch.js';
import type { BatchStore, MediaStore } from '../contract/store.js';
import { expiredParts } from './expired-parts.js';
import type { GarbageLimits } from './limits.js';
import { unreferencedBlobs } from './unreferenced-blobs.js';

/** Imports read at a time. */
const PAGE = 500;

/** Something that a collection would remove now. */
export interface GarbageEntry {
  readonly kind: 'blob' | 'part' | 'import';
  /** SHA-256 of a blob, the store's name of a part, the id of an import. */
  readonly name: string;
  /** What its removal frees in the blob store. */
  readonly bytes: number;
  /** Since it was stored, has grown, has ended. */
  readonly ageMs: number;
}

export interface ListGarbageDeps {
  readonly blobs: Pick<BlobStore, 'listBlobs' | 'listParts'>;
  readonly store: {
    readonly media: Pick<MediaStore, 'referenced'>;
    readonly batches: Pick<BatchStore, 'findFinished'>;
  };
  readonly now: () => Date;
}

/** Everything with a name that a collection would remove now. Reads only. Expired idempotency keys are counted by their store. */
export async function* listGarbage(
  { blobs, store, now }: ListGarbageDeps,
  limits: GarbageLimits,
  signal: AbortSignal,
): AsyncGenerator<GarbageEntry> {
  const at = now().getTime();
  const ageMs = (since: Date): number => at - since.getTime();
  const search = (minAgeMs: number) => ({ before: new Date(at - minAgeMs), signal });
  for await (const page of unreferencedBlobs({ blobs, media: store.media }, search(limits.blobAgeMs)))
    for (const { sha256, bytes, modifiedAt } of page)
      yield { kind: 'blob', name: sha256, bytes, ageMs: ageMs(modifiedAt) };
  for await (const { name, bytes, modifiedAt } of expiredParts(blobs, search(limits.partAgeMs)))
    yield { kind: 'part', name, bytes, ageMs: ageMs(modifiedAt) };
  for await (const { _id, finishedAt } of endedBatches(store.batches, new Date(at - limits.retentionMs)))
    yield { kind: 'import', name: _id, bytes: 0, ageMs: finishedAt === undefined ? 0 : ageMs(finishedAt) };
}

async function* endedBatches(batches: ListGarbageDeps['store']['batches'], before: Date): AsyncGenerator<Batch> {
  let page = await batches.findFinished(before, PAGE);
  for (;;) {
    yield* page;
    const last = page.at(-1);
    if (last === undefined) return;
    page = await batches.findFinished(before, PAGE, last);
  }
}
