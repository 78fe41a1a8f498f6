import { LRUCache } from 'lru-cache';
import pLimit from 'p-limit';
import { ApiError } from '../domain/api-error.js';
import { tokenOf, type RequestContext } from './context.js';
import { createRequestSlots, once, untilAnswered } from './places.js';

/** Room is counted in pieces of this size: a semaphore goes through all of its value with every release. */
const UNIT_BYTES = 64 * 1024;
/** A reader that takes its list gives the room back within a second or two. */
const WAIT_MS = 5_000;

/**
 * Takes room for a list until its reader has it, is gone, or the answer is called: the room is given back then. Readers of one and
 * the same list, told by `sharedKey`, share its room.
 * @throws ApiError 503 with Retry-After when there is none in time
 */
export type HoldAnswer = (ctx: RequestContext, bytes: number, sharedKey?: string) => Promise<() => void>;

interface Shared {
  readonly taken: Promise<() => void>;
  readers: number;
}

/**
 * Bounds what lists take that wait for their readers: a client that asks and does not read would else hold as many as it likes.
 * A project has at most half of the room.
 * @param totalBytes of all projects; at least twice the largest list that is held as a whole
 */
export function createResponseMemory(totalBytes: number): HoldAnswer {
  const units = Math.ceil(totalBytes / UNIT_BYTES);
  const perProject = Math.ceil(units / 2);
  const take = createRequestSlots({
    total: units,
    perProject,
    waitMs: WAIT_MS,
    refusal: () => new ApiError(503, { message: 'Too many lists wait for their readers' }, { 'Retry-After': '5' }),
  });
  const held = new Map<string, Shared>();

  return async (ctx, bytes, sharedKey) => {
    const { projectId } = tokenOf(ctx.state);
    const weight = Math.max(1, Math.min(perProject, Math.ceil(bytes / UNIT_BYTES)));
    if (sharedKey === undefined) {
      const release = await take(projectId, weight);
      untilAnswered(ctx.res, release);
      return release;
    }
    const shared = held.get(sharedKey) ?? { taken: take(projectId, weight), readers: 0 };
    held.set(sharedKey, shared);
    shared.readers += 1;
    const leave = () => {
      shared.readers -= 1;
      if (shared.readers === 0) held.delete(sharedKey);
      return shared.readers === 0;
    };
    try {
      const give = await shared.taken;
      const release = once(() => {
        if (leave()) give();
      });
      untilAnswered(ctx.res, release);
      return release;
    } catch (error) {
      leave();
      throw error;
    }
  };
}

/** The lists of 10,000 images, whose entries are the longest, with ids of 250 characters. What is larger is streamed to each asker. */
export const MOST_BYTES_OF_ONE = 8 * 1024 ** 2;
/** Four of the largest. */
const MOST_BYTES_OF_ALL = 32 * 1024 ** 2;
/** Pollers of one import learn its end within seconds of each other; afterwards the memory is free again. */
const TTL_MS = 60_000;
/** Bodies being put together at a time: parts and whole are twice the largest that is kept, 32 MiB in all. */
const AT_A_TIME = 2;

interface SharedBody {
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
  const kept = new LRUCache<string, SharedBody, () => AsyncIterable<string>>({
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
