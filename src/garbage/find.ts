import type { BlobStore, StoredBlob, StoredPart } from '../blobs/blob-store.js';
import type { Batch } from '../domain/import.js';
import type { MediaStore, BatchStore } from '../store/store.js';

/** How old things must be before they are garbage, in milliseconds. */
export interface GarbageLimits {
  /** Of a blob that nothing refers to, since it was stored or imported last. */
  readonly blobAgeMs: number;
  /** Of a part, since it last grew. */
  readonly partAgeMs: number;
  /** Of a notice, since it was put up. */
  readonly noticeAgeMs: number;
  /** Of what is known of a host, since it was used last. */
  readonly hostAgeMs: number;
  /** Of an import, since it ended. */
  readonly retentionMs: number;
}

const HOUR_MS = 3_600_000;

export function garbageLimits(retentionDays: number): GarbageLimits {
  return {
    // Between blob and media an attempt needs a moment; a database that is away meanwhile for a weekend does no harm either.
    blobAgeMs: 48 * HOUR_MS,
    // An attempt ends after 23 hours (activities/import-item.ts), and the next one follows within minutes.
    partAgeMs: 24 * HOUR_MS,
    // An import looks for a notice right after it has written its media; the rest is for clocks that differ.
    noticeAgeMs: 48 * HOUR_MS,
    // The longest pause is 15 minutes, or RETRY_MAX; after a day the state of the host is learned anew.
    hostAgeMs: 24 * HOUR_MS,
    retentionMs: retentionDays * 24 * HOUR_MS,
  };
}

/** Blobs that are looked up, and announced for removal, at a time: as many as `MediaStore.referenced` takes. */
const BLOBS_AT_ONCE = 1_000;

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
    if (page.length < BLOBS_AT_ONCE) continue;
    yield await unreferenced(deps.media, page);
    page = [];
  }
  if (page.length > 0) yield await unreferenced(deps.media, page);
}

async function unreferenced(media: Pick<MediaStore, 'referenced'>, page: readonly StoredBlob[]): Promise<StoredBlob[]> {
  const referenced = await media.referenced(page.map(({ sha256 }) => sha256));
  return page.filter(({ sha256 }) => !referenced.has(sha256));
}

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

/** Imports read at a time. */
const BATCHES_AT_ONCE = 500;

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
  let page = await batches.findFinished(before, BATCHES_AT_ONCE);
  for (;;) {
    yield* page;
    const last = page.at(-1);
    if (last === undefined) return;
    page = await batches.findFinished(before, BATCHES_AT_ONCE, last);
  }
}
