import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import type { PartIdentity } from '../contract/blob-part.js';
import type { BlobStat } from '../contract/blob-store.js';
import type { BlobWriter } from '../contract/blob-writer.js';
import { ImportError } from '../contract/errors.js';
import { blobKey } from './blob-key.js';
import { createChunkBuffer } from './chunk-buffer.js';
import { copyInStore } from './s3-copy.js';
import { type CompleteOutcome, MAX_PARTS, MIN_PART_BYTES } from './s3-multipart.js';
import { partTarget, type S3PartNotes } from './s3-part-notes.js';
import { type BegunUpload, createS3PartUpload, partBytesFor } from './s3-part-upload.js';
import type { S3Place } from './s3-target.js';
import { asStorageError, httpStatusOf } from './storage-error.js';
import { createWriterState } from './writer-state.js';

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
