import { Semaphore } from 'async-mutex';
import type { RequestContext } from './request-state.js';

/** Does the work when there is room for the body of its request; until then nothing of it is read, which holds its sender back. */
export type WithinMemory = <T>(ctx: RequestContext, work: () => Promise<T>) => Promise<T>;

/** What headers and bookkeeping take, so that a flood of small bodies is bounded too. */
const LEAST_BYTES = 16 * 1024;

/**
 * Bounds what all bodies take that a process holds as a whole at a time: `totalBytes` on the wire, and some seven times as much while
 * they are parsed and stored. First come, first served.
 * @param maxBytes the largest body there is, and what a body counts that does not tell its length or is compressed
 */
export function createBodyMemory(totalBytes: number, maxBytes: number): WithinMemory {
  const room = new Semaphore(Math.max(totalBytes, maxBytes));
  return (ctx, work) => {
    const isTold = ctx.req.headers['content-length'] !== undefined && ctx.get('content-encoding') === '';
    const bytes = isTold ? ctx.request.length : maxBytes;
    return room.runExclusive(work, Math.min(maxBytes, Math.max(LEAST_BYTES, bytes)));
  };
}
