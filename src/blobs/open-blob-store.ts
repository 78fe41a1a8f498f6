import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BlobStore } from './blob-store.js';
import { createFsBlobStore } from './fs/store.js';
import { createS3BlobStore, type S3BlobStoreOptions } from './s3/store.js';

/** What a BLOB_STORE_URL says. */
export type BlobStoreAddress =
  | { readonly scheme: 'file'; readonly root: string }
  | {
      readonly scheme: 's3';
      readonly s3: Pick<S3BlobStoreOptions, 'bucket' | 'prefix' | 'endpoint' | 'region' | 'forcePathStyle'>;
    };

/** Bucket names of S3: 3–63 lower-case letters, digits, dots and hyphens. */
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
/** Characters that need no escaping in a key, a URL or a policy. */
const PREFIX = /^[A-Za-z0-9_.-]+(\/[A-Za-z0-9_.-]+)*$/;
const PARAMETERS = new Set(['endpoint', 'region', 'forcePathStyle']);

/** The URL itself is not repeated: it may contain a secret. */
function refuse(rule: string): never {
  throw new Error(`BLOB_STORE_URL ${rule}`);
}

/** Not the WHATWG reading of `file:.data/blobs`, which takes every file URL for absolute. */
function fileRoot(rest: string, baseFolder: string): string {
  try {
    if (rest.startsWith('//')) return fileURLToPath(`file:${rest}`);
    if (rest !== '') return resolve(baseFolder, rest);
  } catch {
    // Falls to the refusal below: another host, a broken percent sequence in file:// form.
  }
  return refuse('must name a folder of this machine, such as file:.data/blobs or file:///var/lib/blobs');
}

function parseEndpoint(value: string): string {
  const url = URL.canParse(value) ? new URL(value) : null;
  const isOrigin =
    url !== null && /^https?:$/.test(url.protocol) && url.pathname === '/' && !url.search && !url.username;
  return isOrigin
    ? url.origin
    : refuse('must give endpoint as an http(s) origin, such as endpoint=http://localhost:7070');
}

// eslint-disable-next-line complexity -- a row of independent checks, each with its message
function parseS3(url: string): BlobStoreAddress {
  const parsed = URL.canParse(url) ? new URL(url) : refuse('must look like s3://bucket/prefix?region=eu-central-1');
  if (parsed.username || parsed.password) {
    refuse('must hold no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use a profile or a role');
  }
  if (!BUCKET.test(parsed.hostname) || parsed.port) refuse('must name a bucket: s3://bucket/prefix');
  for (const name of parsed.searchParams.keys()) {
    if (!PARAMETERS.has(name)) refuse(`may have the parameters ${[...PARAMETERS].join(', ')} only`);
  }
  const prefix = parsed.pathname.replace(/^\/+|\/+$/g, '');
  if (prefix !== '' && !PREFIX.test(prefix))
    refuse('may have letters, digits and - _ . / in the prefix: s3://bucket/prefix');
  const given = parsed.searchParams.get('endpoint');
  const endpoint = given === null ? null : parseEndpoint(given);
  // A compatible store has one region and takes the name that AWS gave its first; AWS itself must be told which.
  const region = parsed.searchParams.get('region') ?? (endpoint === null ? null : 'us-east-1');
  const pathStyle = parsed.searchParams.get('forcePathStyle');
  if (pathStyle !== null && pathStyle !== 'true' && pathStyle !== 'false')
    refuse('must give forcePathStyle as true or false');
  return {
    scheme: 's3',
    s3: {
      bucket: parsed.hostname,
      ...(prefix === '' ? {} : { prefix }),
      ...(endpoint === null ? {} : { endpoint }),
      ...(region === null ? {} : { region }),
      ...(pathStyle === null ? {} : { forcePathStyle: pathStyle === 'true' }),
    },
  };
}

/**
 * Reads `file:folder` (relative to `baseFolder`), `file:///folder` or
 * `s3://bucket/prefix?endpoint=http://host:port&region=…&forcePathStyle=true`.
 * @throws Error that names BLOB_STORE_URL and the rule that it breaks
 */
export function parseBlobStoreUrl(url: string, baseFolder: string): BlobStoreAddress {
  if (url.startsWith('file:')) return { scheme: 'file', root: fileRoot(url.slice('file:'.length), baseFolder) };
  if (url.startsWith('s3:')) return parseS3(url);
  return refuse('must start with file: or s3:');
}

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
