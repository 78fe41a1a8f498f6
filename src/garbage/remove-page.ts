import { randomUUID } from 'node:crypto';
import pLimit from 'p-limit';
import type { BlobStore, StoredBlob } from '../contract/blob-store.js';
import type { Reach } from '../contract/crash-points.js';
import { REMOVE_WITHIN_MS, type CondemnedStore } from '../contract/garbage.js';
import type { MediaStore } from '../contract/store.js';
import type { BlobSearch } from './unreferenced-blobs.js';

/** Hides the latency of a store across a network: 1,000 removals of 100 ms each take 13 s of the 5 minutes that they have. */
const REMOVALS_AT_ONCE = 8;

export interface RemovePageDeps {
  readonly blobs: Pick<BlobStore, 'stat' | 'remove'>;
  readonly media: Pick<MediaStore, 'referenced'>;
  readonly condemned: Pick<CondemnedStore, 'condemn' | 'conclude'>;
  readonly reach: Reach;
  readonly now: () => Date;
}

/** What was removed: how many, and their bytes. */
export interface Removed {
  readonly count: number;
  readonly bytes: number;
}

/**
 * Removes those of the blobs that are still garbage once they are condemned; see src/contract/garbage.ts for why no import loses
 * its blob. Harmless beside another run of itself, and beside a run that was taken for dead: each concludes for itself alone.
 * @throws the first failure, when nothing of the page is under way any more; blobs whose removal failed stay condemned, because
 *   the store may have got to hear of it
 */
export async function removePage(
  deps: RemovePageDeps,
  page: readonly StoredBlob[],
  search: BlobSearch,
): Promise<Removed> {
  const { blobs, media, condemned, reach, now } = deps;
  const collector = randomUUID();
  const names = page.map(({ sha256 }) => sha256);
  const uncertain = new Set<string>();
  const removed = { count: 0, bytes: 0 };
  // Counted from before the notice is up, so that it is never too long.
  const end = now().getTime() + REMOVE_WITHIN_MS;

  const remove = async (sha256: string): Promise<void> => {
    search.signal.throwIfAborted();
    const found = await blobs.stat(sha256);
    if (found === null || found.modifiedAt >= search.before) return;
    reach('after_condemn_before_remove');
    if (now().getTime() >= end) return;
    uncertain.add(sha256);
    await blobs.remove(sha256);
    uncertain.delete(sha256);
    removed.count += 1;
    removed.bytes += found.bytes;
  };

  await condemned.condemn(collector, names);
  try {
    const referenced = await media.referenced(names);
    const limit = pLimit(REMOVALS_AT_ONCE);
    const doomed = names.filter((name) => !referenced.has(name));
    const ends = await Promise.allSettled(doomed.map((name) => limit(remove, name)));
    for (const outcome of ends) if (outcome.status === 'rejected') throw outcome.reason;
    reach('after_remove_before_forget');
    return removed;
  } finally {
    await condemned.conclude(
      collector,
      names.filter((name) => !uncertain.has(name)),
    );
  }
}
