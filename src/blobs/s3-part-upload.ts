import { ImportError } from '../contract/errors.js';
import { MAX_PARTS, type S3Multipart, startMultipart } from './s3-multipart.js';
import type { S3Target } from './s3-target.js';

const MIB = 1024 * 1024;

/** A growing object: one part on its way while the caller gathers the next. */
export interface S3PartUpload {
  readonly started: boolean;
  readonly finished: boolean;
  /** Resolves when `body` may be on its way, which is when the part before it has arrived. */
  add(body: Uint8Array): Promise<void>;
  /** Adds the last part and makes the object. Once: a second call does nothing. */
  finish(last: Uint8Array): Promise<void>;
  /** Stops and drops what is on its way. Never throws. */
  abort(): Promise<void>;
}

/** The smallest part, in whole MiB and not below `partBytes`, of which 10,000 hold a body of the announced length. */
export function partBytesFor(partBytes: number, bytesHint: number | null): number {
  return Math.max(partBytes, Math.ceil((bytesHint ?? 0) / MAX_PARTS / MIB) * MIB);
}

export function createS3PartUpload(target: S3Target): S3PartUpload {
  const abortion = new AbortController();
  let multipart: S3Multipart | null = null;
  let inFlight: Promise<void> = Promise.resolve();
  let partCount = 0;
  let finished = false;

  async function add(body: Uint8Array): Promise<void> {
    if (partCount === MAX_PARTS) {
      throw new ImportError('storage_failed', `The blob store takes at most ${MAX_PARTS} parts of a body`, {
        stage: 'store',
        retryable: false,
      });
    }
    multipart ??= await startMultipart(target);
    await inFlight;
    partCount += 1;
    inFlight = multipart.putPart(partCount, body, abortion.signal);
    // Whoever comes next meets the rejection; until then it must not count as unhandled.
    inFlight.catch(() => undefined);
  }

  return {
    get started() {
      return multipart !== null;
    },
    get finished() {
      return finished;
    },
    add,

    async finish(last) {
      if (finished || !multipart) return;
      if (last.length > 0) await add(last);
      await inFlight;
      await multipart.complete(false);
      finished = true;
    },

    async abort() {
      abortion.abort();
      // A part that arrives after the abort would stay: "you might need to abort multiple times" (AbortMultipartUpload).
      await inFlight.catch(() => undefined);
      if (!finished) await multipart?.abort();
    },
  };
}
