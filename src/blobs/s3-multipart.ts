import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import type { S3Target } from './s3-target.js';
import { errorCode, httpStatusOf } from './storage-error.js';

/** Of every S3-compatible store: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
export const MAX_PARTS = 10_000;

/** created: completed; exists: the key was taken; conflict: somebody else was at it, try again from the start. */
export type CompleteOutcome = 'created' | 'exists' | 'conflict';

/** An upload in parts; nothing is at its key before `complete`. Parts are numbered from 1 and may be sent in any order. */
export interface S3Multipart {
  putPart(number: number, body: Uint8Array, signal?: AbortSignal): Promise<void>;
  copyPart(number: number, sourceKey: string, start: number, end: number): Promise<void>;
  /** @param ifAbsent `If-None-Match: *`: create the object only when there is none. */
  complete(ifAbsent: boolean): Promise<CompleteOutcome>;
  /** Drops the parts. Never throws: what could not be dropped is left to the bucket's rule for incomplete uploads. */
  abort(): Promise<void>;
}

export async function startMultipart({ client, bucket, key }: S3Target): Promise<S3Multipart> {
  const target = { Bucket: bucket, Key: key };
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(target));
  const upload = { ...target, UploadId };
  const etags = new Map<number, string | undefined>();

  /** A repeated request finds the upload gone when the answer to the first was lost. */
  async function wasCompleted(error: unknown): Promise<boolean> {
    if (errorCode(error) !== 'NoSuchUpload') return false;
    return client.send(new HeadObjectCommand(target)).then(
      () => true,
      () => false,
    );
  }

  return {
    async putPart(number, body, signal) {
      const part = new UploadPartCommand({ ...upload, PartNumber: number, Body: body });
      const { ETag } = await client.send(part, signal ? { abortSignal: signal } : {});
      etags.set(number, ETag);
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
      etags.set(number, answer.CopyPartResult?.ETag);
    },

    async complete(ifAbsent) {
      const parts = [...etags].sort(([a], [b]) => a - b).map(([PartNumber, ETag]) => ({ PartNumber, ETag }));
      const request = { ...upload, MultipartUpload: { Parts: parts } };
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
