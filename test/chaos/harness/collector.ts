import { createFsBlobStore } from '../../../src/blobs/fs/store.js';
import { collectBlobs, collectParts } from '../../../src/garbage/collect.js';
import { createStore } from '../../../src/store/open-store.js';

export interface CollectorOptions {
  /** Of the store that is collected. */
  readonly mongodb: string;
  readonly database: string;
  readonly blobs: string;
}

export interface CollectedGarbage {
  readonly blobs: number;
  readonly parts: number;
}

/** Far longer than any run: imports must find every notice. */
const NOTICE_AGE_MS = 24 * 3_600_000;

/**
 * Collects garbage at once instead of after two days.
 * @param ageMs how old it must be: at least the time from blob to media while imports run
 * @throws whatever the stores throw
 */
export async function collectNow(options: CollectorOptions, ageMs: number): Promise<CollectedGarbage> {
  const store = await createStore({ url: options.mongodb, database: options.database, serverSelectionMs: 2_000 });
  const blobs = createFsBlobStore({ root: options.blobs });
  const { signal } = new AbortController();
  const now = (): Date => new Date();
  try {
    const { media, removalNotices } = store;
    const deps = { blobs, media, removalNotices, now };
    const removed = await collectBlobs(deps, { blobAgeMs: ageMs, noticeAgeMs: NOTICE_AGE_MS }, signal);
    const parts = await collectParts({ blobs, now }, { partAgeMs: ageMs }, signal);
    return { blobs: removed.count, parts: parts.count };
  } finally {
    await blobs.close();
    await store.close();
  }
}
