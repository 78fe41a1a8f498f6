import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { urlSha256 } from '../activities/known-content.js';
import { createFsBlobStore } from '../src/blobs/fs-blob-store.js';
import { newBatchId } from '../src/contract/ids.js';
import { defaultMediaTypes } from '../src/contract/media-type-config.js';
import { parseAllowList } from '../src/egress/allow-list.js';
import { createEgress } from '../src/egress/create-egress.js';
import { createSource } from '../src/source/create-source.js';
import { createStore } from '../src/store/connect.js';

export interface BareLoopOptions {
  readonly origin: string;
  readonly mongodb: string;
  readonly items: number;
}

/** As many as eight pages of a sweep have in flight. */
const CONCURRENCY = 128;

/**
 * The same work on every item (fetch, type, hash, fsynced blob, media record) in one process with grouped writes and without any
 * durability: what it forgets when it dies is everything it has not done yet. Answers seconds.
 */
export async function bareLoop({ origin, mongodb, items }: BareLoopOptions): Promise<number> {
  const root = await mkdtemp(join(tmpdir(), 'durable-import-bench-'));
  const store = await createStore({ url: mongodb, database: `bench_${Date.now()}` });
  const allow = parseAllowList(`127.0.0.1/32:${new URL(origin).port}`);
  const egress = createEgress({ allow, connectTimeoutMs: 10_000, hostMaxConnections: 8 });
  const limits = {
    headersTimeoutMs: 30_000,
    idleTimeoutMs: 60_000,
    minSpeedBytesPerSecond: 1,
    minSpeedWindowMs: 60_000,
  };
  const blobs = createFsBlobStore({ root });
  const source = createSource({ egress, blobs, limits: { ...limits, maxBytes: 2 ** 40, maxRedirects: 0 } });
  const mediaType = defaultMediaTypes().get('video');
  if (mediaType === undefined) throw new Error('There is no media type for videos');
  const importId = newBatchId();
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let seq = next++; seq < items; seq = next++) {
      const url = `${origin}/bare/${seq}`;
      const fetched = await source.fetch({ url, mediaType, signal: new AbortController().signal });
      if (fetched.kind !== 'fetched') throw new Error('The origin answered 304 to a request without a condition');
      const { asset } = fetched;
      const pair = { projectId: 'bench', systemName: 'bare', externalId: String(seq) };
      const content = { kind: 'video', mediaType: 'video', fileName: String(seq), metadata: {}, asset } as const;
      const origins = { source: { urlSha256: urlSha256(url) }, importId, importSeq: 1 };
      await store.media.upsert({ ...pair, ...content, ...origins });
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  const seconds = (performance.now() - startedAt) / 1000;
  await Promise.all([store.close(), egress.close(), blobs.close()]);
  await rm(root, { recursive: true, force: true });
  return seconds;
}
