import { type CompleteOutcome, MAX_PARTS, startMultipart } from './s3-multipart.js';
import type { S3Target } from './s3-target.js';

/**
 * Bytes copied by one request. At most 5 GiB is allowed; a quarter GiB is copied well within the time limit of a request
 * even by a store on slow disks.
 */
export const COPY_PART_BYTES = 256 * 1024 * 1024;

/** Copies in flight: the store does the work, so a few hide its latency and more would only queue there. */
const COPY_LANES = 4;

export interface S3Copy {
  readonly target: S3Target;
  readonly sourceKey: string;
  readonly bytes: number;
  readonly partBytes: number;
  readonly ifAbsent: boolean;
}

/**
 * Copies an object inside of its bucket; the bytes never leave the store. Always in parts, although one CopyObject would do up
 * to 5 GiB: only the completion of an upload takes `If-None-Match` everywhere (CopyObject ignores it in several compatible
 * stores), no single request runs for minutes, and there is one way for every size. Not for empty objects, which have no part.
 */
export async function copyInStore({ target, sourceKey, bytes, partBytes, ifAbsent }: S3Copy): Promise<CompleteOutcome> {
  const size = Math.max(partBytes, Math.ceil(bytes / MAX_PARTS));
  const partCount = Math.ceil(bytes / size);
  const upload = await startMultipart(target);
  let next = 0;

  async function lane(): Promise<void> {
    while (next < partCount) {
      const index = next++;
      await upload.copyPart(index + 1, sourceKey, index * size, Math.min(bytes, (index + 1) * size) - 1);
    }
  }

  async function stop(): Promise<void> {
    next = partCount;
    await upload.abort();
  }

  try {
    await Promise.all(Array.from({ length: COPY_LANES }, lane));
    const outcome = await upload.complete(ifAbsent);
    if (outcome !== 'created') await stop();
    return outcome;
  } catch (error) {
    await stop();
    throw error;
  }
}
