import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFsBlobStore } from '../../../src/blobs/fs/store.js';
import type { BlobStore } from '../../../src/blobs/blob-store.js';
import type { Kind } from '../../../src/domain/import.js';
import type { MediaType } from '../../../src/domain/media.js';
import type { Fetched, FetchRequest, NotModified, SourceLimits } from '../../../src/download/source.js';
import { parseAllowList } from '../../../src/egress/addresses.js';
import { createEgress } from '../../../src/egress/create-egress.js';
import type { Lookup } from '../../../src/egress/resolver.js';
import { createSource } from '../../../src/download/fetch.js';
import { startOrigin, type Origin } from '../../servers/origin-server.js';

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
  /** Another process that shares the folder, with an empty memory and connections of its own. */
  anotherWorker(lookup?: Lookup): SourceRig;
  fetch(url: string, options?: FetchOptions): Promise<Fetched>;
  /** As `fetch`, where the answer may also be that there is nothing newer. */
  ask(url: string, options?: FetchOptions): Promise<Fetched | NotModified>;
  /** Drops what fetches have kept under a key. */
  discardPart(partKey: string, store?: BlobStore): Promise<void>;
  /** Every file in the store that is not a finished blob. */
  leftovers(): Promise<string[]>;
  close(): Promise<void>;
}

/** The real source over the real egress, the real file store and a real origin that only it may reach. */
export async function startSourceRig(): Promise<SourceRig> {
  const root = await mkdtemp(join(tmpdir(), 'source-'));
  const origin = await startOrigin();
  const workers: SourceRig[] = [];

  function startWorker(lookup?: Lookup): SourceRig {
    const blobs = createFsBlobStore({ root });
    const allow = parseAllowList(`127.0.0.1/32:${origin.port}`);
    const egress = createEgress({
      allow,
      connectTimeoutMs: 2_000,
      hostMaxConnections: 64,
      ...(lookup === undefined ? {} : { lookup }),
    });
    const ask: SourceRig['ask'] = (
      url,
      { kind = 'file', limits, blobs: store = blobs, signal = new AbortController().signal, ...rest } = {},
    ) => {
      const deps = {
        egress,
        blobs: store,
        limits: { ...LIMITS, ...limits },
      };
      return createSource(deps).fetch({ url, mediaType: MEDIA_TYPES[kind], signal, ...rest });
    };
    const worker: SourceRig = {
      origin,
      blobs,
      anotherWorker: startWorker,
      ask,
      async fetch(url, options) {
        const answer = await ask(url, options);
        if (answer.kind === 'not_modified') throw new Error('The source answered 304');
        return answer;
      },
      discardPart: (partKey, store = blobs) =>
        createSource({ egress, blobs: store, limits: LIMITS }).discardPart(partKey),
      async leftovers() {
        const files = await readdir(root, { recursive: true, withFileTypes: true });
        return files.filter((file) => file.isFile() && !/^[0-9a-f]{64}$/.test(file.name)).map((file) => file.name);
      },
      async close() {
        await egress.close();
        await blobs.close();
      },
    };
    workers.push(worker);
    return worker;
  }

  const first = startWorker();
  return {
    ...first,
    async close() {
      for (const worker of workers) await worker.close();
      await origin.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}
