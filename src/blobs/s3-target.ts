import type { S3Client } from '@aws-sdk/client-s3';

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
