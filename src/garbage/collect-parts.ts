import type { BlobStore } from '../contract/blob-store.js';
import { expiredParts } from './expired-parts.js';
import type { GarbageLimits } from './limits.js';
import type { Removed } from './remove-page.js';

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
