import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  ListMultipartUploadsCommand,
  paginateListObjectsV2,
  type ListMultipartUploadsCommandInput,
  type MultipartUpload,
} from '@aws-sdk/client-s3';
import type { StoredPart, StoredBlob } from '../blob-store.js';
import { BLOBS, blobKey, isBlobKey, isPartKey, PARTS } from '../blob-key.js';
import { targetIn, bytesIn, listUploadedParts, type S3Place } from './multipart.js';
import { asStorageError, errorCode, storageError } from '../storage-error.js';

/** An upload is old when it has not grown for a day; a younger one need not be asked for its parts, one request each. */
const LOOK_INSIDE_AFTER_MS = 60 * 60 * 1000;

interface ListedObject {
  readonly key: string;
  readonly bytes: number;
  readonly modifiedAt: Date;
}

/** The objects of a folder whose key below the prefix is one of ours; foreign objects may lie beside them. */
async function* listObjects(
  { client, bucket, prefix }: S3Place,
  folder: string,
  isOurs: (key: string) => boolean,
): AsyncGenerator<ListedObject> {
  try {
    for await (const page of paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: `${prefix}${folder}/` })) {
      for (const { Key = '', Size = 0, LastModified = new Date() } of page.Contents ?? []) {
        const key = Key.slice(prefix.length);
        if (isOurs(key)) yield { key, bytes: Size, modifiedAt: LastModified };
      }
    }
  } catch (error) {
    throw storageError(error);
  }
}

export async function* listS3Blobs(place: S3Place): AsyncGenerator<StoredBlob> {
  for await (const { key, bytes, modifiedAt } of listObjects(place, BLOBS, isBlobKey)) {
    yield { sha256: key.slice(key.lastIndexOf('/') + 1), bytes, modifiedAt };
  }
}

/**
 * The uploads below the prefix. Pages are continued by key alone: some stores refuse their own upload id as a marker. Where a page
 * ends between two uploads of one key, the second is seen when the first is gone; only copies of one blob share a key.
 */
async function* listUploads({ client, bucket, prefix }: S3Place): AsyncGenerator<MultipartUpload> {
  const all = { Bucket: bucket, Prefix: prefix };
  for (let request: ListMultipartUploadsCommandInput | null = all; request;) {
    const command: ListMultipartUploadsCommand = new ListMultipartUploadsCommand(request);
    const page = await asStorageError(() => client.send(command));
    yield* page.Uploads ?? [];
    request = page.IsTruncated ? { ...all, KeyMarker: page.NextKeyMarker } : null;
  }
}

/** Uploads of bodies that arrive, and those that copy a complete one to its name. */
const isUploadKey = (key: string): boolean => isPartKey(key) || isBlobKey(key);

/** Parts as objects, notes and uploads. An upload of the last hour tells neither its bytes nor whether it has grown since. */
export async function* listS3Parts(place: S3Place): AsyncGenerator<StoredPart> {
  for await (const { key, bytes, modifiedAt } of listObjects(place, PARTS, isPartKey)) {
    yield { name: `object:${key}`, bytes, modifiedAt };
  }
  for await (const { Key = '', UploadId = '', Initiated = new Date() } of listUploads(place)) {
    const key = Key.slice(place.prefix.length);
    if (!isUploadKey(key)) continue;
    const name = `upload:${UploadId}:${key}`;
    if (Date.now() - Initiated.getTime() < LOOK_INSIDE_AFTER_MS) {
      yield { name, bytes: 0, modifiedAt: Initiated };
      continue;
    }
    const parts = await asStorageError(() => listUploadedParts(targetIn(place, key), UploadId));
    // Completed or aborted meanwhile.
    if (!parts) continue;
    const newest = Math.max(Initiated.getTime(), ...parts.map(({ modifiedAt }) => modifiedAt.getTime()));
    yield { name, bytes: bytesIn(parts), modifiedAt: new Date(newest) };
  }
}

export async function removeS3Blob({ client, bucket, prefix }: S3Place, sha256: string): Promise<void> {
  const object = { Bucket: bucket, Key: prefix + blobKey(sha256) };
  await asStorageError(() => client.send(new DeleteObjectCommand(object)));
}

/** @throws RangeError when listS3Parts cannot have given this name; ImportError storage_failed */
export async function removeS3Part({ client, bucket, prefix }: S3Place, name: string): Promise<void> {
  const key = name.slice(name.lastIndexOf(':') + 1);
  const target = { Bucket: bucket, Key: prefix + key };
  const uploadId = /^upload:(.+):/.exec(name)?.[1];
  if (uploadId !== undefined && isUploadKey(key)) {
    await asStorageError(async () => {
      try {
        await client.send(new AbortMultipartUploadCommand({ ...target, UploadId: uploadId }));
      } catch (error) {
        if (errorCode(error) !== 'NoSuchUpload') throw error;
      }
    });
  } else if (name === `object:${key}` && isPartKey(key)) {
    await asStorageError(() => client.send(new DeleteObjectCommand(target)));
  } else {
    throw new RangeError('An upload or an object is named as listParts lists it');
  }
}
