import { Readable } from 'node:stream';
import {
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import type { BlobStat, BlobStore } from '../blob-store.js';
import { blobKey } from '../blob-key.js';
import { wrapStreamErrors, asStorageError, errorCode, httpStatusOf } from '../storage-error.js';
import { createS3BlobWriter } from './writer.js';
import { COPY_PART_BYTES } from './multipart.js';
import { findS3Part, forgetS3Part } from './kept-part.js';
import { listS3Blobs, listS3Parts, removeS3Blob, removeS3Part } from './listing.js';
import { createS3PartNotes } from './part-notes.js';

/**
 * As large as a body that a page of small items may hold, so that all of those are one request; at least the 5 MiB that S3 asks
 * of a part; and 10,000 of them are 78 GiB, above the default limit of a download also when its length is not announced.
 */
const PART_BYTES = 8 * 1024 * 1024;
/** Half of the 48 hours after which garbage collection takes an unreferenced blob; most blobs are then never rewritten. */
const REFRESH_AFTER_MS = 24 * 60 * 60 * 1000;
/** A store in the same data centre answers in milliseconds; a dropped packet or two is repeated by TCP within this time. */
const CONNECT_TIMEOUT_MS = 5_000;
/** Copying a part inside of a slow store is the longest silence there is. */
const ANSWER_TIMEOUT_MS = 120_000;
/** Above the items that one worker has in flight by default (10 pages of 16, 110 single ones); the SDK's 50 would queue them. */
const MAX_SOCKETS = 300;

export interface S3BlobStoreOptions {
  readonly bucket: string;
  /** Folder in the bucket, without slashes at its ends. */
  readonly prefix?: string;
  /** Of an S3-compatible store; AWS when absent. */
  readonly endpoint?: string;
  readonly region?: string;
  /** `http://host/bucket/key` instead of `http://bucket.host/key`. */
  readonly forcePathStyle?: boolean;
  /** The standard AWS chain (environment, profile, web identity, instance role) when absent. */
  readonly credentials?: NonNullable<S3ClientConfig['credentials']>;
  readonly partBytes?: number;
  readonly copyPartBytes?: number;
  readonly refreshAfterMs?: number;
}

/**
 * Blobs as objects `<prefix>/sha256/ab/<sha256>`; large bodies that are still arriving are multipart uploads of
 * `<prefix>/parts/<random>`. The store must know conditional writes (`If-None-Match: *`), UploadPartCopy and consistent reads.
 * Credentials need s3:GetObject, PutObject, DeleteObject, AbortMultipartUpload, ListMultipartUploadParts,
 * ListBucketMultipartUploads and ListBucket; without the last one a missing blob looks forbidden. Notes about parts that may be
 * continued are `<prefix>/parts/<key>.json`. What a killed worker leaves is collected by `listParts` and `removePart`.
 *
 * A blob that exists keeps its object unless it is older than a day: then the same bytes are written over it, because garbage
 * collection goes by LastModified and S3 has no other way to move that.
 */
export function createS3BlobStore(options: S3BlobStoreOptions): BlobStore {
  const { bucket, endpoint, region, forcePathStyle, credentials } = options;
  const prefix = options.prefix ? `${options.prefix}/` : '';
  const client = new S3Client({
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    ...(forcePathStyle === undefined ? {} : { forcePathStyle }),
    ...(credentials === undefined ? {} : { credentials }),
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: ANSWER_TIMEOUT_MS,
      throwOnRequestTimeout: true,
      httpAgent: { maxSockets: MAX_SOCKETS },
      httpsAgent: { maxSockets: MAX_SOCKETS },
    },
  });

  const objectOf = (sha256: string) => ({ Bucket: bucket, Key: prefix + blobKey(sha256) });

  async function stat(sha256: string): Promise<BlobStat | null> {
    const object = objectOf(sha256);
    return asStorageError(async () => {
      try {
        const head = await client.send(new HeadObjectCommand(object));
        return { bytes: head.ContentLength ?? 0, modifiedAt: head.LastModified ?? new Date(0) };
      } catch (error) {
        if (httpStatusOf(error) === 404) return null;
        throw error;
      }
    });
  }

  const place = { client, bucket, prefix };
  const deps = {
    ...place,
    notes: createS3PartNotes(place),
    partBytes: options.partBytes ?? PART_BYTES,
    copyPartBytes: options.copyPartBytes ?? COPY_PART_BYTES,
    refreshAfterMs: options.refreshAfterMs ?? REFRESH_AFTER_MS,
    stat,
  };

  return {
    async createWriter(bytesHint, identity) {
      if (!identity) return createS3BlobWriter(deps, bytesHint);
      await forgetS3Part(deps, identity.key);
      return createS3BlobWriter(deps, bytesHint, { identity });
    },

    findPart: (key) => findS3Part(deps, key),
    forgetPart: (key) => forgetS3Part(deps, key),

    stat,

    async read(sha256, range) {
      const object = objectOf(sha256);
      return asStorageError(async () => {
        try {
          const request = range ? { ...object, Range: `bytes=${range.start}-${range.end}` } : object;
          const { Body } = await client.send(new GetObjectCommand(request));
          return wrapStreamErrors(Body as Readable);
        } catch (error) {
          if (errorCode(error) === 'NoSuchKey') return null;
          // The range starts behind the last byte (RFC 9110 section 15.5.17).
          if (httpStatusOf(error) === 416) return Readable.from([], { objectMode: false });
          throw error;
        }
      });
    },

    listBlobs: () => listS3Blobs(place),
    remove: (sha256) => removeS3Blob(place, sha256),
    listParts: () => listS3Parts(place),
    removePart: (name) => removeS3Part(place, name),

    async ping() {
      await asStorageError(() => client.send(new HeadBucketCommand({ Bucket: bucket })));
    },

    close() {
      client.destroy();
      return Promise.resolve();
    },
  };
}
