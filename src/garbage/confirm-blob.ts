import { setTimeout as sleep } from 'node:timers/promises';
import type { BlobStore } from '../contract/blob-store.js';
import { ImportError } from '../contract/errors.js';
import { NOTICE_DEAD_AFTER_MS, REMOVE_WITHIN_MS, type Condemned, type CondemnedStore } from '../contract/garbage.js';

/** A page of removals usually takes a few seconds. */
const POLL_MS = 250;
/** A collection that takes longer is slow or dead; the lane is then better used for other items. */
const WAIT_MS = 60_000;

interface ConfirmDeps {
  readonly condemned: Pick<CondemnedStore, 'find'>;
  readonly blobs: Pick<BlobStore, 'stat'>;
  /** Longest wait for a decision, milliseconds: 60 s unless told. */
  readonly waitMs?: number;
}

/**
 * Makes sure that garbage collection has not taken, and will not take, a blob that a media has just been made to refer to. Costs
 * one grouped read when the blob is not condemned, which is nearly always.
 * @throws ImportError storage_failed when the blob is gone, or when it is not decided within a minute whether it will go: the
 *   attempt has to be made again; the signal's reason
 */
export async function confirmBlob(
  { condemned, blobs, waitMs = WAIT_MS }: ConfirmDeps,
  sha256: string,
  signal: AbortSignal,
): Promise<void> {
  const waitUntil = Date.now() + waitMs;
  let notice = await condemned.find(sha256);
  if (notice === null) return;
  while (isRemoving(notice)) {
    if (Date.now() >= waitUntil) throw undecided(notice);
    await sleep(POLL_MS, undefined, { signal }).catch(() => {
      signal.throwIfAborted();
    });
    notice = await condemned.find(sha256);
  }
  if ((await blobs.stat(sha256)) === null)
    throw new ImportError('storage_failed', 'The stored file was garbage and removed at the moment of its import', {
      stage: 'store',
    });
}

function isRemoving(notice: Condemned | null): notice is Condemned {
  return notice?.state === 'removing' && ageMs(notice) < NOTICE_DEAD_AFTER_MS;
}

function ageMs({ at }: Condemned): number {
  return Date.now() - at.getTime();
}

/** The next attempt is made when more is known: the collector has done its work by then, or else its notice is dead. */
function undecided(notice: Condemned): ImportError {
  const age = ageMs(notice);
  const retryAfterMs = (age < REMOVE_WITHIN_MS ? REMOVE_WITHIN_MS : NOTICE_DEAD_AFTER_MS) - age;
  return new ImportError('storage_failed', 'The stored file was condemned as garbage and its fate is not decided yet', {
    stage: 'store',
    retryAfterMs,
  });
}
