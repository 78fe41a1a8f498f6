import type { BlobStore } from '../blobs/blob-store.js';
import type { RemovalNoticeStore } from '../domain/removal-notice.js';
import type { Store } from '../store/store.js';
import { unreferencedBlobs, expiredParts, type GarbageLimits } from './find.js';
import { removePage, type Removed, type RemovePageDeps } from './removal-notice.js';

export interface CollectBlobsDeps extends RemovePageDeps {
  readonly blobs: Pick<BlobStore, 'listBlobs' | 'stat' | 'remove'>;
  readonly removalNotices: Pick<RemovalNoticeStore, 'announce' | 'complete' | 'purge'>;
}

/**
 * Removes the old blobs that no media refers to, and takes old notices down. Safe to run again at any time, also beside itself.
 * @throws whatever stores throw, and the signal's reason; what was removed until then stays removed
 */
export async function collectBlobs(
  deps: CollectBlobsDeps,
  limits: Pick<GarbageLimits, 'blobAgeMs' | 'noticeAgeMs'>,
  signal: AbortSignal,
): Promise<Removed> {
  const startedAt = deps.now().getTime();
  const search = { before: new Date(startedAt - limits.blobAgeMs), signal };
  let total: Removed = { count: 0, bytes: 0 };
  for await (const page of unreferencedBlobs(deps, search)) {
    if (page.length === 0) continue;
    const { count, bytes } = await removePage(deps, page, search);
    total = { count: total.count + count, bytes: total.bytes + bytes };
  }
  await deps.removalNotices.purge(new Date(startedAt - limits.noticeAgeMs));
  return total;
}

/**
 * Removes parts that have not grown for long. An attempt that was about to go on with one of them fails as `storage_failed` or
 * begins at its first byte.
 * @throws whatever the store throws, and the signal's reason
 */
export async function collectParts(
  { blobs, now }: { blobs: Pick<BlobStore, 'listParts' | 'removePart'>; now: () => Date },
  { partAgeMs }: Pick<GarbageLimits, 'partAgeMs'>,
  signal: AbortSignal,
): Promise<Removed> {
  const removed = { count: 0, bytes: 0 };
  for await (const { name, bytes } of expiredParts(blobs, { before: new Date(now().getTime() - partAgeMs), signal })) {
    await blobs.removePart(name);
    removed.count += 1;
    removed.bytes += bytes;
  }
  return removed;
}

/** Imports removed by one call: a hundred of 10,000 items take a minute or two, and a killed worker repeats no more than that. */
const BATCHES = 100;

export interface RemovedRecords {
  readonly batches: number;
  /** Of the removed imports. */
  readonly items: number;
  readonly idempotencyKeys: number;
  /** There may be more to remove. */
  readonly more: boolean;
}

/**
 * Removes expired idempotency keys, records of unused hosts, and imports that ended long ago, with their items and deliveries; their
 * media stay. The batch goes last, so that the next call completes one that died.
 * @throws whatever the store throws, and the signal's reason
 */
export async function collectRecords(
  {
    store,
    now,
  }: {
    store: Pick<Store, 'batches' | 'items' | 'deliveries' | 'actions' | 'retries' | 'idempotencyKeys' | 'hosts'>;
    now: () => Date;
  },
  { retentionMs, hostAgeMs }: Pick<GarbageLimits, 'retentionMs' | 'hostAgeMs'>,
  signal: AbortSignal,
): Promise<RemovedRecords> {
  const { batches, items, deliveries, actions, retries } = store;
  const idempotencyKeys = await store.idempotencyKeys.removeExpired();
  await store.hosts.forget(new Date(now().getTime() - hostAgeMs));
  const ended = await batches.findFinished(new Date(now().getTime() - retentionMs), BATCHES);
  let itemCount = 0;
  for (const batch of ended) {
    signal.throwIfAborted();
    // A retry has opened it again.
    if (!(await batches.beginRemoval(batch))) continue;
    await deliveries.removeAll(batch._id);
    await actions.removeAll(`import:${batch._id}`);
    await retries.removeAll(batch._id);
    await items.removeAll(batch._id);
    await batches.remove(batch._id);
    itemCount += batch.itemCount;
  }
  return { batches: ended.length, items: itemCount, idempotencyKeys, more: ended.length === BATCHES };
}
