import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { openBlobStore } from '../../../src/blobs/open-blob-store.js';
import type { Egress } from '../../../src/egress/egress.js';
import type { Source } from '../../../src/download/source.js';
import { parseAllowList } from '../../../src/egress/addresses.js';
import { createEgress, type EgressDeps } from '../../../src/egress/create-egress.js';
import { createSource } from '../../../src/download/fetch.js';

/** The source and the egress of a worker, as its composition root makes them; nothing is expected to arrive. */
export function guardedSource(allow: string, deps: Partial<EgressDeps> = {}) {
  const egress: Egress = createEgress({
    allow: parseAllowList(allow),
    connectTimeoutMs: 20_000,
    hostMaxConnections: 8,
    ...deps,
  });
  const limits = {
    headersTimeoutMs: 20_000,
    idleTimeoutMs: 20_000,
    minSpeedBytesPerSecond: 1,
    minSpeedWindowMs: 20_000,
    maxBytes: 1024,
    maxRedirects: 5,
  };
  const blobs = openBlobStore(`file:${join(tmpdir(), `guarded-${randomUUID()}`)}`);
  const source: Source = createSource({ egress, blobs, limits });
  return {
    egress,
    source,
    close: async () => {
      await egress.close();
      await blobs.close();
    },
  };
}
