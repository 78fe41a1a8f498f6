import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFsBlobStore } from '../../../src/blobs/fs-blob-store.js';
import type { BlobStore } from '../../../src/contract/blob-store.js';
import type { Kind } from '../../../src/contract/kinds.js';
import type { MediaType } from '../../../src/contract/media-type.js';
import type { Fetched, FetchRequest } from '../../../src/contract/source.js';
import { parseAllowList } from '../../../src/egress/allow-list.js';
import { createEgress } from '../../../src/egress/create-egress.js';
import { createSource } from '../../../src/source/create-source.js';
import type { SourceLimits } from '../../../src/source/source-limits.js';
import { type Origin, startOrigin } from '../../support/origin-server.js';

const MEDIA_TYPES: Readonly<Record<Kind, MediaType>> = {
  video: { handle: 'video', kind: 'video', allowedMimeTypes: ['video/*'], metadata: [], additionalMetadata: true },
  file: { handle: 'file', kind: 'file', allowedMimeTypes: ['*'], metadata: [], additionalMetadata: true },
  image: { handle: 'image', kind: 'image', allowedMimeTypes: ['image/*'], metadata: [], additionalMetadata: true },
};

/** Short where a test waits for the limit to strike, out of the way otherwise. */
const LIMITS: SourceLimits = {
  headersTimeoutMs: 1_000,
  idleTimeoutMs: 1_000,
  minSpeedBytesPerSecond: 1_000,
  minSpeedWindowMs: 30_000,
  maxBytes: 8 * 1024 * 1024,
  maxRedirects: 5,
};

interface FetchOptions extends Partial<Omit<FetchRequest, 'url' | 'mediaType'>> {
  readonly kind?: Kind;
  readonly limits?: Partial<SourceLimits>;
  readonly blobs?: BlobStore;
}

export interface SourceRig {
  readonly origin: Origin;
  readonly blobs: BlobStore;
  fetch(url: string, options?: FetchOptions): Promise<Fetched>;
  /** Every file in the store that is not a finished blob. */
  leftovers(): Promise<string[]>;
  close(): Promise<void>;
}

/** The real source over the real egress, the real file store and a real origin that only it may reach. */
export async function startSourceRig(): Promise<SourceRig> {
  const root = await mkdtemp(join(tmpdir(), 'source-'));
  const origin = await startOrigin();
  const blobs = createFsBlobStore({ root });
  const allow = parseAllowList(`127.0.0.1/32:${origin.port}`);
  const egress = createEgress({ allow, connectTimeoutMs: 2_000, hostMaxConnections: 64 });
  return {
    origin,
    blobs,
    fetch(url, { kind = 'file', limits, blobs: store = blobs, signal = new AbortController().signal, ...rest } = {}) {
      const source = createSource({ egress, blobs: store, limits: { ...LIMITS, ...limits } });
      return source.fetch({ url, mediaType: MEDIA_TYPES[kind], signal, ...rest });
    },
    async leftovers() {
      const files = await readdir(root, { recursive: true, withFileTypes: true });
      return files.filter((file) => file.isFile() && !/^[0-9a-f]{64}$/.test(file.name)).map((file) => file.name);
    },
    async close() {
      await egress.close();
      await blobs.close();
      await origin.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}
