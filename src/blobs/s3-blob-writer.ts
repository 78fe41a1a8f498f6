import { setTimeout as delay } from 'node:timers/promises';
import { DeleteObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { BlobStat, BlobWriter } from '../contract/blob-store.js';
import { ImportError } from '../contract/errors.js';
import { blobKey, newPartKey } from './blob-key.js';
import { createChunkBuffer } from './chunk-buffer.js';
import { copyInStore } from './s3-copy.js';
import type { CompleteOutcome } from './s3-multipart.js';
import { createS3PartUpload, partBytesFor } from './s3-part-upload.js';
import { asStorageError, httpStatusOf } from './storage-error.js';
import { createWriterState } from './writer-state.js';

/** Two writers of the same bytes settle in one or two tries; more conflicts than this are a store in trouble. */
const COMMIT_TRIES = 5;
/** Between two tries, times their number, with jitter: longer than a small upload takes. */
const CONFLICT_PAUSE_MS = 100;

export interface S3BlobWriterDeps {
  readonly client: S3Client;
  readonly bucket: string;
  /** Put before every key: empty or ending in a slash. */
  readonly prefix: string;
  readonly partBytes: number;
  readonly copyPartBytes: number;
  /** An existing blob that is older is made to look new. */
  readonly refreshAfterMs: number;
  readonly stat: (sha256: string) => Promise<BlobStat | null>;
}

/**
 * The name of a blob, its SHA-256, is known only at commit, while S3 wants the key before the first byte. So a body of at most
 * one part is gathered in memory and put with `If-None-Match: *`; a longer one goes up in parts to a random key under `parts/`
 * and is copied by the store to its name. A local spool file would spare the copy, but needs a disk as large as all bodies in
 * flight and starts the upload when the download ends; and parts in the store can be taken over by another worker.
 *
 * Memory: one part being gathered and one on its way, 2 × partBytes a writer; less than one part for a small body.
 */
export function createS3BlobWriter(deps: S3BlobWriterDeps, bytesHint: number | null): BlobWriter {
  const { client, bucket, prefix } = deps;
  const partTarget = { client, bucket, key: prefix + newPartKey() };
  const upload = createS3PartUpload(partTarget);
  const buffer = createChunkBuffer(partBytesFor(deps.partBytes, bytesHint), bytesHint);
  const state = createWriterState();
  let bytes = 0;

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
    const target = { client, bucket, key };
    return copyInStore({ target, sourceKey: partTarget.key, bytes, partBytes: deps.copyPartBytes, ifAbsent });
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
      await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: partTarget.key })).catch(() => undefined);
    }
  }

  return {
    async write(chunk) {
      state.assertOpen();
      await asStorageError(async () => {
        let taken = buffer.append(chunk);
        bytes += chunk.length;
        while (taken < chunk.length) {
          await upload.add(buffer.take());
          taken += buffer.append(chunk.subarray(taken));
        }
      });
    },

    async commit(sha256) {
      const key = prefix + blobKey(sha256);
      state.close();
      const created = await asStorageError(() => placeOrRefresh(sha256, key));
      state.end();
      await drop();
      return { created };
    },

    async discard() {
      if (!state.end()) return;
      buffer.take();
      await drop();
    },
  };
}
