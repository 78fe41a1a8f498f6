import { urlSha256 } from '../../src/item/content.js';
import { createFsBlobStore } from '../../src/blobs/fs/store.js';
import { newBatchId } from '../../src/domain/ids.js';
import { defaultMediaTypes } from '../../src/domain/media-types.js';
import { parseAllowList } from '../../src/egress/addresses.js';
import { createEgress } from '../../src/egress/create-egress.js';
import { createSource } from '../../src/download/fetch.js';
import { createStore } from '../../src/store/open-store.js';
import type { ItemJob } from './contender.js';

export interface WorkSettings {
  readonly origin: string;
  readonly mongodb: string;
  readonly database: string;
  /** Folder of the blobs. */
  readonly root: string;
}

export interface ItemWork {
  importItem(job: ItemJob): Promise<void>;
  close(): Promise<void>;
}

/** The service's own default (HOST_MAX_CONNECTIONS). */
const HOST_MAX_CONNECTIONS = 8;

/**
 * What every contender does with an item, with the service's own code: fetch, type, SHA-256, fsynced blob, media record. Writes of
 * items that are in flight together are grouped, as in the service.
 */
export async function createItemWork({ origin, mongodb, database, root }: WorkSettings): Promise<ItemWork> {
  const store = await createStore({ url: mongodb, database });
  const allow = parseAllowList(`127.0.0.1/32:${new URL(origin).port}`);
  const egress = createEgress({ allow, connectTimeoutMs: 10_000, hostMaxConnections: HOST_MAX_CONNECTIONS });
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
  return {
    async importItem({ url, externalId }) {
      const fetched = await source.fetch({ url, mediaType, signal: new AbortController().signal });
      if (fetched.kind !== 'fetched') throw new Error('The origin answered 304 to a request without a condition');
      const { asset } = fetched;
      const pair = { projectId: 'bench', systemName: 'bench', externalId };
      const content = { kind: 'video', mediaType: 'video', fileName: externalId, metadata: {}, asset } as const;
      const origins = { source: { urlSha256: urlSha256(url) }, importId, importSeq: 1 };
      await store.media.upsert({ ...pair, ...content, ...origins });
    },
    async close() {
      await Promise.all([store.close(), egress.close(), blobs.close()]);
    },
  };
}
