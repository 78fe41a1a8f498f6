import { ImportError } from '../contract/errors.js';
import { MAX_PARTS, MIN_PART_BYTES, type S3Multipart, startMultipart } from './s3-multipart.js';
import type { S3Target } from './s3-target.js';

const MIB = 1024 * 1024;

/** An upload whose first parts are there. */
export interface BegunUpload {
  readonly multipart: S3Multipart;
  readonly partCount: number;
  readonly bytes: number;
}

/** A growing object: one part on its way while the caller gathers the next. */
export interface S3PartUpload {
  readonly started: boolean;
  readonly finished: boolean;
  /** Bytes from the beginning that have arrived. */
  readonly arrived: number;
  /** Resolves when `body` may be on its way, which is when the part before it has arrived. */
  add(body: Uint8Array): Promise<void>;
  /** Adds the last part and makes the object. Once: a second call does nothing. */
  finish(last: Uint8Array): Promise<void>;
  /** Adds a part of any length, after which there is none, if that can be continued; leaves the upload open. Never throws. */
  leave(last: Uint8Array): Promise<void>;
  /** Stops and drops what is on its way. Never throws. */
  abort(): Promise<void>;
}

/** The smallest part, in whole MiB and not below `partBytes`, of which `partCount` hold a body of the announced length. */
export function partBytesFor(partBytes: number, bytesHint: number | null, partCount: number = MAX_PARTS): number {
  return Math.max(partBytes, Math.ceil((bytesHint ?? 0) / partCount / MIB) * MIB);
}

export interface S3PartUploadOptions {
  readonly begun?: BegunUpload;
  /** Called with the id of a new upload before its first part. */
  readonly onStart?: (uploadId: string) => Promise<void>;
}

export function createS3PartUpload(target: S3Target, { begun, onStart }: S3PartUploadOptions = {}): S3PartUpload {
  const abortion = new AbortController();
  let multipart: S3Multipart | null = begun?.multipart ?? null;
  let inFlight: Promise<void> = Promise.resolve();
  let partCount = begun?.partCount ?? 0;
  let arrived = begun?.bytes ?? 0;
  let finished = false;

  async function start(): Promise<S3Multipart> {
    multipart = await startMultipart(target);
    await onStart?.(multipart.uploadId);
    return multipart;
  }

  async function put(upload: S3Multipart, number: number, body: Uint8Array): Promise<void> {
    await upload.putPart(number, body, abortion.signal);
    arrived += body.length;
  }

  async function add(body: Uint8Array): Promise<void> {
    if (partCount === MAX_PARTS) {
      throw new ImportError('storage_failed', `The blob store takes at most ${MAX_PARTS} parts of a body`, {
        stage: 'store',
        retryable: false,
      });
    }
    const upload = multipart ?? (await start());
    await inFlight;
    partCount += 1;
    inFlight = put(upload, partCount, body);
    // The next caller awaits it and gets the rejection; until then it must not count as unhandled.
    inFlight.catch(() => undefined);
  }

  return {
    get started() {
      return multipart !== null;
    },
    get finished() {
      return finished;
    },
    get arrived() {
      return arrived;
    },
    add,

    async finish(last) {
      if (finished || !multipart) return;
      if (last.length > 0) await add(last);
      await inFlight;
      await multipart.complete(false);
      finished = true;
    },

    async leave(last) {
      try {
        await inFlight;
        if (last.length > 0 && arrived + last.length >= MIN_PART_BYTES) await add(last);
        await inFlight;
      } catch {
        // The parts before it have arrived.
      }
    },

    async abort() {
      abortion.abort();
      // A part that arrives after the abort would stay: "you might need to abort multiple times" (AbortMultipartUpload).
      await inFlight.catch(() => undefined);
      if (!finished) await multipart?.abort();
    },
  };
}
