import { ListPartsCommand, type ListPartsCommandInput } from '@aws-sdk/client-s3';
import type { S3Target } from './s3-target.js';
import { errorCode } from './storage-error.js';

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
