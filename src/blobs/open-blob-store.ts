import type { BlobStore } from '../contract/blob-store.js';
import { parseBlobStoreUrl } from './blob-store-url.js';
import { createFsBlobStore } from './fs-blob-store.js';
import { createS3BlobStore, type S3BlobStoreOptions } from './s3-blob-store.js';

export interface OpenBlobStoreOptions {
  /** What a relative `file:` URL starts from: the working folder when absent. */
  readonly baseFolder?: string;
  /** For `s3:` only; the standard AWS chain (environment, profile, web identity, instance role) when absent. */
  readonly credentials?: NonNullable<S3BlobStoreOptions['credentials']>;
}

/**
 * The blob store that BLOB_STORE_URL names: see parseBlobStoreUrl for what it may be. Nothing is touched before the first use.
 * @throws Error that names BLOB_STORE_URL and the rule that it breaks
 */
export function openBlobStore(url: string, { baseFolder = '.', credentials }: OpenBlobStoreOptions = {}): BlobStore {
  const address = parseBlobStoreUrl(url, baseFolder);
  if (address.scheme === 'file') return createFsBlobStore({ root: address.root });
  return createS3BlobStore(credentials ? { ...address.s3, credentials } : address.s3);
}
