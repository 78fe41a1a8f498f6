import { join } from 'node:path';
import { openBlobStore } from './blobs/open-blob-store.js';
import type { Config } from './config.js';
import type { BlobStore } from './contract/blob-store.js';

/** The blob store that the configuration names; a folder under DATA_DIR when it names none. */
export function configuredBlobStore(config: Config): BlobStore {
  const {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_SESSION_TOKEN: sessionToken,
  } = config;
  const url = config.BLOB_STORE_URL ?? `file:${join(config.DATA_DIR, 'blobs')}`;
  if (accessKeyId === undefined || secretAccessKey === undefined) return openBlobStore(url);
  const credentials = { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
  return openBlobStore(url, { credentials });
}
