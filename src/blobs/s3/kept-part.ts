import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import { DeleteObjectCommand, GetObjectCommand, HeadObjectCommand } from '@aws-sdk/client-s3';
import type { KeptPart, BlobWriter } from '../blob-store.js';
import { noteKey } from '../blob-key.js';
import { wrapStreamErrors, asStorageError, errorCode, httpStatusOf, takenOver } from '../storage-error.js';
import { createS3BlobWriter, type S3BlobWriterDeps } from './writer.js';
import {
  copyIntoParts,
  MIN_PART_BYTES,
  multipartOf,
  startMultipart,
  bytesIn,
  contiguous,
  listUploadedParts,
  type S3Target,
  type UploadedPart,
} from './multipart.js';
import { partTarget, type S3PartNote } from './part-notes.js';

const objectAt = ({ bucket, key }: S3Target) => ({ Bucket: bucket, Key: key });

async function lengthOf(target: S3Target): Promise<number> {
  try {
    return (await target.client.send(new HeadObjectCommand(objectAt(target)))).ContentLength ?? 0;
  } catch (error) {
    if (httpStatusOf(error) === 404) return 0;
    throw error;
  }
}

/**
 * The part of a key: what has arrived of its upload, or the object that the upload became. Less than the 5 MiB that S3 asks of a
 * part could not be continued and counts as none.
 * @throws RangeError for what is not a key; ImportError storage_failed
 */
export async function findS3Part(deps: S3BlobWriterDeps, key: string): Promise<KeptPart | null> {
  noteKey(key);
  return asStorageError(async () => {
    const note = await deps.notes.read(key);
    if (!note) return null;
    const target = partTarget(deps, note.object);
    // In this order: an upload becomes an object, never the other way round.
    const uploaded = await listUploadedParts(target, note.upload);
    const parts = uploaded && contiguous(uploaded);
    const kept = parts ? bytesIn(parts) : await lengthOf(target);
    return kept >= MIN_PART_BYTES && kept <= note.total ? createS3KeptPart(deps, note, parts, kept) : null;
  });
}

/** Upload and object: one of them is there. */
async function removeBytes(deps: S3BlobWriterDeps, { object, upload }: S3PartNote): Promise<void> {
  const target = partTarget(deps, object);
  await multipartOf(target, upload, []).abort();
  await deps.client.send(new DeleteObjectCommand(objectAt(target)));
}

/**
 * Removes the part of a key and its note.
 * @throws RangeError for what is not a key; ImportError storage_failed
 */
export async function forgetS3Part(deps: S3BlobWriterDeps, key: string): Promise<void> {
  noteKey(key);
  await asStorageError(async () => {
    const note = await deps.notes.read(key);
    if (!note) return;
    await deps.notes.remove(key, note.object);
    await removeBytes(deps, note);
  });
}

/**
 * An upload cannot be read, so it is completed to an object first; its writer, if it lives, finds the upload gone. The object is
 * read, and copied by the store into the first parts of a new upload. After a crash in between the note tells of an upload, of
 * the object that it became, or of the new upload with all its parts; what it does not tell of is collected by age.
 *
 * @param parts of the upload; null when it was completed before.
 */
function createS3KeptPart(
  deps: S3BlobWriterDeps,
  note: S3PartNote,
  parts: readonly UploadedPart[] | null,
  kept: number,
): KeptPart {
  const { client, notes } = deps;
  const { object, upload, ...identity } = note;
  const source = partTarget(deps, object);
  let completed: Promise<void> | null = parts ? null : Promise.resolve();

  async function complete(): Promise<void> {
    const outcome = await multipartOf(source, upload, parts ?? []).complete(false);
    if (outcome !== 'created') throw takenOver();
  }

  async function makeReadable(): Promise<void> {
    completed ??= complete();
    return completed;
  }

  return {
    ...identity,
    kept,

    read: () =>
      asStorageError(async () => {
        await makeReadable();
        try {
          const { Body } = await client.send(new GetObjectCommand(objectAt(source)));
          return wrapStreamErrors(Body as Readable);
        } catch (error) {
          throw errorCode(error) === 'NoSuchKey' ? takenOver() : error;
        }
      }),

    resume: () =>
      asStorageError(async (): Promise<BlobWriter> => {
        await makeReadable();
        const next = randomUUID();
        const multipart = await startMultipart(partTarget(deps, next));
        try {
          const copy = { sourceKey: source.key, bytes: kept, partBytes: deps.copyPartBytes };
          const partCount = await copyIntoParts(multipart, copy);
          await notes.write({ ...identity, object: next, upload: multipart.uploadId });
          await client.send(new DeleteObjectCommand(objectAt(source))).catch(() => undefined);
          const begun = { object: next, multipart, partCount, bytes: kept };
          return createS3BlobWriter(deps, note.total - kept, { identity, begun });
        } catch (error) {
          await multipart.abort();
          throw errorCode(error) === 'NoSuchKey' ? takenOver() : error;
        }
      }),

    async drop() {
      await notes.remove(note.key, object).catch(() => undefined);
      await removeBytes(deps, note).catch(() => undefined);
    },
  };
}
