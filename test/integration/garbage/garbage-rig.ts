import { mkdtemp, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFsBlobStore } from '../../../src/blobs/fs/store.js';
import type { BlobStore } from '../../../src/blobs/blob-store.js';
import type { MediaWrite, MediaWritten } from '../../../src/store/store.js';
import type { CollectBlobsDeps } from '../../../src/garbage/collect.js';
import { aMediaWrite, anAsset } from '../../support/builders.js';
import { aTestStore, type TestStore } from '../../support/store.js';
import { storeBlob } from '../../support/stored-blobs.js';

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
/** Is never aborted. */
export const NEVER = new AbortController().signal;

export interface GarbageRig {
  readonly testStore: TestStore;
  readonly store: TestStore['store'];
  /** What the stores take for the time. */
  readonly now: () => Date;
  /** The folder of the blob store. */
  readonly root: string;
  readonly blobs: BlobStore;
  /** What collecting blobs takes, over both stores and the clock of the test. */
  readonly deps: CollectBlobsDeps;
  /** Stores a blob whose file is as old as that; answers its SHA-256. */
  blob(content: string, ageMs: number): Promise<string>;
  /** A media that refers to the blob. */
  media(sha256: string, changes?: Partial<MediaWrite>): Promise<MediaWritten>;
  close(): Promise<void>;
}

/** A blob store on disk and a database of its own, on one clock. */
export async function aGarbageRig(): Promise<GarbageRig> {
  const testStore = await aTestStore();
  const { store } = testStore;
  const now = () => testStore.now();
  const root = await mkdtemp(join(tmpdir(), 'garbage-'));
  const blobs = createFsBlobStore({ root });
  return {
    testStore,
    store,
    now,
    root,
    blobs,
    deps: { blobs, media: store.media, removalNotices: store.removalNotices, now },
    blob: async (content, ageMs) => {
      const { sha256 } = await storeBlob(blobs, Buffer.from(content));
      await setAge(join(root, 'sha256', sha256.slice(0, 2), sha256), new Date(now().getTime() - ageMs));
      return sha256;
    },
    media: (sha256, changes = {}) =>
      store.media.upsert(aMediaWrite({ externalId: sha256, asset: { ...anAsset(), sha256 }, ...changes })),
    close: async () => {
      await testStore.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** Makes a file look as if it was last written then. */
export async function setAge(path: string, at: Date): Promise<void> {
  await utimes(path, at, at);
}
