import { Semaphore } from 'async-mutex';
import type { RequestContext } from './request-state.js';

/** Does the work when there is room for the body of its request; until then nothing of it is read, which holds its sender back. */
export type WithinMemory = <T>(ctx: RequestContext, work: () => Promise<T>) => Promise<T>;

/**
 * Room is given in pieces of this size. Small bodies count for what headers and bookkeeping take, so that a flood of them is bounded
 * too; and the semaphore goes through all of its value with every release: 250 ms when that was bytes.
 */
const UNIT_BYTES = 64 * 1024;

/**
 * Bounds what all bodies take that a process holds as a whole at a time: `totalBytes` on the wire, and some seven times as much while
 * they are parsed and stored. First come, first served.
 * @param maxBytes the largest body there is, and what a body counts that does not tell its length or is compressed
 */
export function createBodyMemory(totalBytes: number, maxBytes: number): WithinMemory {
  const room = new Semaphore(Math.ceil(Math.max(totalBytes, maxBytes) / UNIT_BYTES));
  return (ctx, work) => {
    const isTold = ctx.req.headers['content-length'] !== undefined && ctx.get('content-encoding') === '';
    const bytes = isTold ? ctx.request.length : maxBytes;
    return room.runExclusive(work, Math.max(1, Math.ceil(Math.min(maxBytes, bytes) / UNIT_BYTES)));
  };
}
