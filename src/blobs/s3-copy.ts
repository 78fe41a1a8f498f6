import { type CompleteOutcome, MAX_PARTS, type S3Multipart, startMultipart } from './s3-multipart.js';
import type { S3Target } from './s3-target.js';

/**
 * Bytes copied by one request, up to the double. At most 5 GiB are allowed; these are copied well within the time limit of a
 * request even by a store on slow disks.
 */
export const COPY_PART_BYTES = 256 * 1024 * 1024;

/** Copies in flight: the store does the work, so a few hide its latency and more would only queue there. */
const COPY_LANES = 4;

export interface S3Copy {
  readonly sourceKey: string;
  /** Length of the source; an empty one has no part. */
  readonly bytes: number;
  readonly partBytes: number;
}

/**
 * Copies an object into the first parts of an upload and answers how many those are. Their lengths are even, so that none is
 * below `partBytes`, as S3 wants it of parts that others will follow.
 */
export async function copyIntoParts(upload: S3Multipart, { sourceKey, bytes, partBytes }: S3Copy): Promise<number> {
  const count = Math.max(1, Math.floor(bytes / Math.max(partBytes, Math.ceil(bytes / MAX_PARTS))));
  const startOf = (index: number): number => Math.floor((bytes / count) * index);
  let next = 0;

  async function lane(): Promise<void> {
    while (next < count) {
      const index = next++;
      const end = index + 1 === count ? bytes : startOf(index + 1);
      await upload.copyPart(index + 1, sourceKey, startOf(index), end - 1);
    }
  }

  try {
    await Promise.all(Array.from({ length: COPY_LANES }, lane));
    return count;
  } catch (error) {
    next = count;
    throw error;
  }
}

/**
 * Copies an object inside of its bucket; the bytes never leave the store. Always in parts, although one CopyObject would do up
 * to 5 GiB: only the completion of an upload takes `If-None-Match` everywhere (CopyObject ignores it in several compatible
 * stores), no single request runs for minutes, and there is one way for every size. Not for empty objects, which have no part.
 */
export async function copyInStore(target: S3Target, copy: S3Copy, ifAbsent: boolean): Promise<CompleteOutcome> {
  const upload = await startMultipart(target);
  try {
    await copyIntoParts(upload, copy);
    const outcome = await upload.complete(ifAbsent);
    if (outcome !== 'created') await upload.abort();
    return outcome;
  } catch (error) {
    await upload.abort();
    throw error;
  }
}
