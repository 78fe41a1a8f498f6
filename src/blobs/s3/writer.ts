import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { ImportError } from '../../domain/errors.js';
import { blobKey } from '../blob-key.js';
import type { PartIdentity, BlobStat, BlobWriter } from '../blob-store.js';
import { asStorageError, httpStatusOf } from '../storage-error.js';
import { createChunkBuffer, createWriterState } from '../write-queue.js';
import {
  MAX_PARTS,
  MIN_PART_BYTES,
  startMultipart,
  copyInStore,
  type S3Multipart,
  type S3Target,
  type CompleteOutcome,
  type S3Place,
} from './multipart.js';
import { partTarget, type S3PartNotes } from './part-notes.js';

const MIB = 1024 * 1024;

/** An upload whose first parts are there. */
interface BegunUpload {
  readonly multipart: S3Multipart;
  readonly partCount: number;
  readonly bytes: number;
}

/** A growing object: one part on its way while the caller gathers the next. */
interface S3PartUpload {
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

interface S3PartUploadOptions {
  readonly begun?: BegunUpload;
  /** Called with the id of a new upload before its first part. */
  readonly onStart?: (uploadId: string) => Promise<void>;
}

function createS3PartUpload(target: S3Target, { begun, onStart }: S3PartUploadOptions = {}): S3PartUpload {
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

/** Two writers of the same bytes settle in one or two tries; more conflicts than this are a store in trouble. */
const COMMIT_TRIES = 5;
/** Between two tries, times their number, with jitter: longer than a small upload takes. */
const CONFLICT_PAUSE_MS = 100;

export interface S3BlobWriterDeps extends S3Place {
  readonly notes: S3PartNotes;
  readonly partBytes: number;
  readonly copyPartBytes: number;
  /** An existing blob that is older is made to look new. */
  readonly refreshAfterMs: number;
  readonly stat: (sha256: string) => Promise<BlobStat | null>;
}

/** Of a body that another attempt may continue. */
export interface S3WriterPart {
  readonly identity: PartIdentity;
  /** What is there of it already, and the UUID in its key. */
  readonly begun?: BegunUpload & { readonly object: string };
}

/**
 * The name of a blob, its SHA-256, is known only at commit, while S3 wants the key before the first byte. So a body of at most
 * one part is gathered in memory and put with `If-None-Match: *`; a longer one goes up in parts to a random key under `parts/`
 * and is copied by the store to its name. A local spool file would spare the copy, but needs a disk as large as all bodies in
 * flight and starts the upload when the download ends; and parts in the store can be taken over by another worker.
 *
 * Memory: one part being gathered and one on its way, 2 × partBytes a writer; less than one part for a small body.
 */
export function createS3BlobWriter(
  deps: S3BlobWriterDeps,
  bytesHint: number | null,
  { identity, begun }: Partial<S3WriterPart> = {},
): BlobWriter {
  const { client, bucket, prefix, notes } = deps;
  const object = begun?.object ?? randomUUID();
  const target = partTarget(deps, object);
  const upload = createS3PartUpload(target, {
    ...(begun && { begun }),
    ...(identity && { onStart: (id: string) => notes.write({ ...identity, object, upload: id }) }),
  });
  const partBytes = partBytesFor(deps.partBytes, bytesHint, MAX_PARTS - (begun?.partCount ?? 0));
  const buffer = createChunkBuffer(partBytes, bytesHint);
  const state = createWriterState();
  let bytes = begun?.bytes ?? 0;

  async function putWhole(key: string, body: Uint8Array, ifAbsent: boolean): Promise<CompleteOutcome> {
    const object = { Bucket: bucket, Key: key, Body: body };
    try {
      await client.send(new PutObjectCommand(ifAbsent ? { ...object, IfNoneMatch: '*' } : object));
      return 'created';
    } catch (error) {
      if (httpStatusOf(error) === 412) return 'exists';
      if (httpStatusOf(error) === 409) return 'conflict';
      throw error;
    }
  }

  /** Puts the bytes at their name; without `ifAbsent` also over an old blob, which then looks new to garbage collection. */
  async function place(key: string, whole: Uint8Array | null, ifAbsent: boolean): Promise<CompleteOutcome> {
    if (whole) return putWhole(key, whole, ifAbsent);
    await upload.finish(buffer.take());
    const copy = { sourceKey: target.key, bytes, partBytes: deps.copyPartBytes };
    return copyInStore({ client, bucket, key }, copy, ifAbsent);
  }

  async function placeOrRefresh(sha256: string, key: string): Promise<boolean> {
    const whole = upload.started ? null : buffer.take();
    // Looked up first only where it may spare a copy of a large body: a small one finds out by its conditional PUT.
    let existing = whole ? null : await deps.stat(sha256);
    for (let tried = 1; tried <= COMMIT_TRIES; tried += 1) {
      if (existing) {
        if (Date.now() - existing.modifiedAt.getTime() > deps.refreshAfterMs) await place(key, whole, false);
        return false;
      }
      const outcome = await place(key, whole, true);
      if (outcome === 'created') return true;
      if (outcome === 'conflict') await delay(CONFLICT_PAUSE_MS * tried * (0.5 + Math.random()));
      existing = await deps.stat(sha256);
    }
    throw new ImportError('storage_failed', `The blob store reported ${COMMIT_TRIES} conflicts in a row`, {
      stage: 'store',
    });
  }

  async function drop(): Promise<void> {
    if (!upload.started) return;
    await upload.abort();
    if (upload.finished) {
      await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: target.key })).catch(() => undefined);
    }
    if (identity) await notes.remove(identity.key, object).catch(() => undefined);
  }

  return {
    get kept() {
      return identity ? upload.arrived : 0;
    },

    write: (chunk) =>
      state.write(() =>
        asStorageError(async () => {
          let taken = buffer.append(chunk);
          bytes += chunk.length;
          while (taken < chunk.length) {
            await upload.add(buffer.take());
            taken += buffer.append(chunk.subarray(taken));
          }
        }),
      ),

    async commit(sha256) {
      const key = prefix + blobKey(sha256);
      state.close();
      const created = await asStorageError(() => placeOrRefresh(sha256, key));
      state.end();
      await drop();
      return { created };
    },

    async suspend() {
      if (!state.end()) return;
      const rest = buffer.take();
      // Behind a part that failed the rest would stand in the wrong place.
      if (identity) await upload.leave(state.failed ? rest.subarray(0, 0) : rest);
      if (!identity || upload.arrived < MIN_PART_BYTES) await drop();
    },

    async discard() {
      if (!state.end()) return;
      buffer.take();
      await drop();
    },
  };
}
