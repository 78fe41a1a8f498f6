import type { BlobStore } from '../contract/blob-store.js';
import type { CondemnedStore } from '../contract/garbage.js';
import type { GarbageLimits } from './limits.js';
import { removePage, type Removed, type RemovePageDeps } from './remove-page.js';
import { unreferencedBlobs } from './unreferenced-blobs.js';

export interface CollectBlobsDeps extends RemovePageDeps {
  readonly blobs: Pick<BlobStore, 'listBlobs' | 'stat' | 'remove'>;
  readonly condemned: Pick<CondemnedStore, 'condemn' | 'conclude' | 'forget'>;
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
  await deps.condemned.forget(new Date(startedAt - limits.noticeAgeMs));
  return total;
}
