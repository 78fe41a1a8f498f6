import { LRUCache } from 'lru-cache';
import pLimit from 'p-limit';

/** The lists of 10,000 images, whose entries are the longest, with ids of 250 characters. What is larger is streamed to each asker. */
export const MOST_BYTES_OF_ONE = 8 * 1024 ** 2;
/** Four of the largest. */
const MOST_BYTES_OF_ALL = 32 * 1024 ** 2;
/** Pollers of one import learn its end within seconds of each other; afterwards the memory is free again. */
const TTL_MS = 60_000;
/** Bodies being put together at a time: parts and whole are twice the largest that is kept, 32 MiB in all. */
const AT_A_TIME = 2;

interface Shared {
  /** Null when it is larger than what is kept. */
  readonly body: Buffer | null;
}

/** Answers a body that is put together once for all who ask for it meanwhile; null when it is too large for that. */
export type SharedBodies = (key: string, chunks: () => AsyncIterable<string>) => Promise<Buffer | null>;

/**
 * Keeps the last bodies that were asked for, which never change under their key. When an import of 10,000 items ends, all who poll
 * it ask for its list at once: twenty of them took the gateway and MongoDB six seconds, in which everybody else waited.
 */
export function createSharedBodies(): SharedBodies {
  const limit = pLimit(AT_A_TIME);
  const kept = new LRUCache<string, Shared, () => AsyncIterable<string>>({
    maxSize: MOST_BYTES_OF_ALL,
    ttl: TTL_MS,
    ttlAutopurge: true,
    sizeCalculation: ({ body }) => Math.max(1, body?.byteLength ?? 0),
    // What is pushed out while it is put together is answered all the same, and not kept.
    ignoreFetchAbort: true,
    fetchMethod: (_key, _stale, { context: chunks }) => limit(async () => ({ body: await bounded(chunks()) })),
  });
  return async (key, chunks) => (await kept.fetch(key, { context: chunks }))?.body ?? null;
}

async function bounded(chunks: AsyncIterable<string>): Promise<Buffer | null> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    const part = Buffer.from(chunk);
    bytes += part.byteLength;
    if (bytes > MOST_BYTES_OF_ONE) return null;
    parts.push(part);
  }
  return Buffer.concat(parts);
}
