import {
  ListPartsCommand,
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
  type S3Client,
  type ListPartsCommandInput,
} from '@aws-sdk/client-s3';
import { errorCode, httpStatusOf } from '../storage-error.js';

/** Where a store lies. */
export interface S3Place {
  readonly client: S3Client;
  readonly bucket: string;
  /** Put before every key: empty or ending in a slash. */
  readonly prefix: string;
}

/** One key of a bucket. */
export interface S3Target {
  readonly client: S3Client;
  readonly bucket: string;
  readonly key: string;
}

/** @param key below the place, such as `parts/<uuid>`. */
export function targetIn({ client, bucket, prefix }: S3Place, key: string): S3Target {
  return { client, bucket, key: prefix + key };
}

/** A part that has arrived in an upload. */
export interface UploadedPart {
  readonly number: number;
  readonly etag: string | undefined;
  readonly bytes: number;
  readonly modifiedAt: Date;
}

/**
 * The parts of an upload by number; null when the upload was completed or aborted. Not with the SDK's paginator, which goes by
 * the marker alone and never ends on a store that sends one with its last page too.
 */
export async function listUploadedParts(target: S3Target, uploadId: string): Promise<UploadedPart[] | null> {
  const { client, bucket, key } = target;
  const upload = { Bucket: bucket, Key: key, UploadId: uploadId };
  const parts: UploadedPart[] = [];
  try {
    for (let request: ListPartsCommandInput | null = upload; request;) {
      const command: ListPartsCommand = new ListPartsCommand(request);
      const page = await client.send(command);
      for (const { PartNumber = 0, ETag, Size = 0, LastModified = new Date(0) } of page.Parts ?? []) {
        parts.push({ number: PartNumber, etag: ETag, bytes: Size, modifiedAt: LastModified });
      }
      request = page.IsTruncated ? { ...upload, PartNumberMarker: page.NextPartNumberMarker } : null;
    }
  } catch (error) {
    if (errorCode(error) === 'NoSuchUpload') return null;
    throw error;
  }
  return parts.sort((a, b) => a.number - b.number);
}

/** Those from the first one on without a gap. */
export function contiguous(parts: readonly UploadedPart[]): UploadedPart[] {
  const gap = parts.findIndex(({ number }, index) => number !== index + 1);
  return gap === -1 ? [...parts] : parts.slice(0, gap);
}

export function bytesIn(parts: readonly UploadedPart[]): number {
  return parts.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Of every S3-compatible store: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
export const MAX_PARTS = 10_000;
/** The least that a part may have unless it is the last one; of every S3-compatible store, see above. */
export const MIN_PART_BYTES = 5 * 1024 * 1024;

/** created: completed; exists: the key was taken; conflict: another writer was active, try again from the start. */
export type CompleteOutcome = 'created' | 'exists' | 'conflict';

/** An upload in parts; nothing is at its key before `complete`. Parts are numbered from 1 and may be sent in any order. */
export interface S3Multipart {
  readonly uploadId: string;
  putPart(number: number, body: Uint8Array, signal?: AbortSignal): Promise<void>;
  /** Copies the bytes `start`–`end`, both included, of an object of the bucket. */
  copyPart(number: number, sourceKey: string, start: number, end: number): Promise<void>;
  /** @param ifAbsent `If-None-Match: *`: create the object only when there is none. */
  complete(ifAbsent: boolean): Promise<CompleteOutcome>;
  /** Drops the parts. Never throws: what could not be dropped is left to garbage collection. */
  abort(): Promise<void>;
}

export async function startMultipart(target: S3Target): Promise<S3Multipart> {
  const { client, bucket, key } = target;
  const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key: key }));
  return multipartOf(target, UploadId ?? '', []);
}

/** An upload that was started before, with the parts of it that are to become the object. */
export function multipartOf(
  { client, bucket, key }: S3Target,
  uploadId: string,
  uploaded: readonly UploadedPart[],
): S3Multipart {
  const target = { Bucket: bucket, Key: key };
  const upload = { ...target, UploadId: uploadId };
  const parts = new Map(uploaded.map(({ number, etag, bytes }) => [number, { etag, bytes }]));

  /**
   * A repeated request finds the upload gone when the answer to the first was lost. The length tells that from the attempt that
   * has taken the upload over and completed what was there of it then.
   */
  async function wasCompleted(error: unknown): Promise<boolean> {
    if (errorCode(error) !== 'NoSuchUpload') return false;
    const bytes = [...parts.values()].reduce((sum, part) => sum + part.bytes, 0);
    return client.send(new HeadObjectCommand(target)).then(
      ({ ContentLength }) => ContentLength === bytes,
      () => false,
    );
  }

  return {
    uploadId,

    async putPart(number, body, signal) {
      const part = new UploadPartCommand({ ...upload, PartNumber: number, Body: body });
      const { ETag } = await client.send(part, signal ? { abortSignal: signal } : {});
      parts.set(number, { etag: ETag, bytes: body.length });
    },

    async copyPart(number, sourceKey, start, end) {
      const answer = await client.send(
        new UploadPartCopyCommand({
          ...upload,
          PartNumber: number,
          CopySource: `${bucket}/${sourceKey}`,
          CopySourceRange: `bytes=${start}-${end}`,
        }),
      );
      parts.set(number, { etag: answer.CopyPartResult?.ETag, bytes: end - start + 1 });
    },

    async complete(ifAbsent) {
      const chosen = [...parts].sort(([a], [b]) => a - b).map(([PartNumber, { etag }]) => ({ PartNumber, ETag: etag }));
      const request = { ...upload, MultipartUpload: { Parts: chosen } };
      try {
        await client.send(new CompleteMultipartUploadCommand(ifAbsent ? { ...request, IfNoneMatch: '*' } : request));
        return 'created';
      } catch (error) {
        if (httpStatusOf(error) === 412) return 'exists';
        if (httpStatusOf(error) === 409) return 'conflict';
        if (await wasCompleted(error)) return 'created';
        throw error;
      }
    },

    async abort() {
      await client.send(new AbortMultipartUploadCommand(upload)).catch(() => undefined);
    },
  };
}

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
