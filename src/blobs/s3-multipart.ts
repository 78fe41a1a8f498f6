import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import type { S3Target } from './s3-target.js';
import type { UploadedPart } from './s3-uploaded-parts.js';
import { errorCode, httpStatusOf } from './storage-error.js';

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
