import type { S3Client } from '@aws-sdk/client-s3';

/** One key of a bucket. */
export interface S3Target {
  readonly client: S3Client;
  readonly bucket: string;
  readonly key: string;
}
