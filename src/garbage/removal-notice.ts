import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pLimit from 'p-limit';
import type { BlobStore, StoredBlob } from '../blobs/blob-store.js';
import { ImportError } from '../domain/errors.js';
import {
  REMOVE_WITHIN_MS,
  NOTICE_DEAD_AFTER_MS,
  type RemovalNoticeStore,
  type RemovalNotice,
} from '../domain/removal-notice.js';
import type { MediaStore } from '../store/store.js';
import type { BlobSearch } from './find.js';

/** Hides the latency of a store across a network: 1,000 removals of 100 ms each take 13 s of the 5 minutes that they have. */
const REMOVALS_AT_ONCE = 8;

export interface RemovePageDeps {
  readonly blobs: Pick<BlobStore, 'stat' | 'remove'>;
  readonly media: Pick<MediaStore, 'referenced'>;
  readonly removalNotices: Pick<RemovalNoticeStore, 'announce' | 'complete'>;
  readonly now: () => Date;
}

/** What was removed: how many, and their bytes. */
export interface Removed {
  readonly count: number;
  readonly bytes: number;
}

/**
 * Removes those of the blobs that are still garbage once their removal is announced; see src/domain/removal-notice.ts for why no import loses
 * its blob. Harmless beside another run of itself, and beside a run that was taken for dead: each concludes for itself alone.
 * @throws the first failure, when nothing of the page is under way any more; notices of blobs whose removal failed stay, because
 *   the store may have got to hear of it
 */
export async function removePage(
  deps: RemovePageDeps,
  page: readonly StoredBlob[],
  search: BlobSearch,
): Promise<Removed> {
  const { blobs, media, removalNotices, now } = deps;
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
    if (now().getTime() >= end) return;
    uncertain.add(sha256);
    await blobs.remove(sha256);
    uncertain.delete(sha256);
    removed.count += 1;
    removed.bytes += found.bytes;
  };

  await removalNotices.announce(collector, names);
  try {
    const referenced = await media.referenced(names);
    const limit = pLimit(REMOVALS_AT_ONCE);
    const doomed = names.filter((name) => !referenced.has(name));
    const ends = await Promise.allSettled(doomed.map((name) => limit(remove, name)));
    for (const outcome of ends) if (outcome.status === 'rejected') throw outcome.reason;
    return removed;
  } finally {
    await removalNotices.complete(
      collector,
      names.filter((name) => !uncertain.has(name)),
    );
  }
}

/** A page of removals usually takes a few seconds. */
const POLL_MS = 250;
/** A collection that takes longer is slow or dead; the lane is then better used for other items. */
const WAIT_MS = 60_000;

interface ConfirmDeps {
  readonly removalNotices: Pick<RemovalNoticeStore, 'find'>;
  readonly blobs: Pick<BlobStore, 'stat'>;
  /** Longest wait for a decision, milliseconds: 60 s unless told. */
  readonly waitMs?: number;
}

/**
 * Makes sure that garbage collection has not taken, and will not take, a blob that a media has just been made to refer to. Costs
 * one grouped read when the blob has no removal notice, which is nearly always.
 * @throws ImportError storage_failed when the blob is gone, or when it is not decided within a minute whether it will go: the
 *   attempt has to be made again; the signal's reason
 */
export async function confirmBlob(
  { removalNotices, blobs, waitMs = WAIT_MS }: ConfirmDeps,
  sha256: string,
  signal: AbortSignal,
): Promise<void> {
  const waitUntil = Date.now() + waitMs;
  let notice = await removalNotices.find(sha256);
  if (notice === null) return;
  while (isRemoving(notice)) {
    if (Date.now() >= waitUntil) throw undecided(notice);
    await sleep(POLL_MS, undefined, { signal }).catch(() => {
      signal.throwIfAborted();
    });
    notice = await removalNotices.find(sha256);
  }
  if ((await blobs.stat(sha256)) === null)
    throw new ImportError('storage_failed', 'The stored file was garbage and removed at the moment of its import', {
      stage: 'store',
    });
}

function isRemoving(notice: RemovalNotice | null): notice is RemovalNotice {
  return notice?.state === 'removing' && ageMs(notice) < NOTICE_DEAD_AFTER_MS;
}

function ageMs({ at }: RemovalNotice): number {
  return Date.now() - at.getTime();
}

/** The next attempt is made when more is known: the collector has done its work by then, or else its notice is dead. */
function undecided(notice: RemovalNotice): ImportError {
  const age = ageMs(notice);
  const retryAfterMs = (age < REMOVE_WITHIN_MS ? REMOVE_WITHIN_MS : NOTICE_DEAD_AFTER_MS) - age;
  return new ImportError(
    'storage_failed',
    'The stored file is about to be removed as garbage, and its removal is not decided yet',
    {
      stage: 'store',
      retryAfterMs,
    },
  );
}
