import type { ServerResponse } from 'node:http';
import { Semaphore, withTimeout, type SemaphoreInterface } from 'async-mutex';
import { ApiError } from '../domain/api-error.js';
import { tokenOf, type RequestHandler } from './context.js';
import { letContinue } from './server.js';

export interface PlacesOptions {
  /** Of all askers together; not limited when absent. */
  readonly total?: number;
  /** Of one project; not limited when absent. */
  readonly perProject?: number;
  /** An asker waits for so long, in the order of asking. */
  readonly waitMs: number;
  /** What an asker is told for whom no place became free. */
  readonly refusal: () => ApiError;
}

/**
 * Waits for `weight` places, and answers how to give them back; that may be done more than once.
 * @throws the refusal
 */
export type TakePlaces = (projectId?: string, weight?: number) => Promise<() => void>;

interface Share {
  readonly semaphore: SemaphoreInterface;
  /** Those who have places or wait for them. */
  users: number;
}

/**
 * Counts what may be under way at a time. An asker has its project's places before it waits for those of all, so that one project
 * never holds up another by waiting.
 */
export function createRequestSlots({ total, perProject, waitMs, refusal }: PlacesOptions): TakePlaces {
  const all = total === undefined ? null : new Semaphore(total);
  const shares = new Map<string, Share>();

  const takeShare = async (projectId: string, weight: number): Promise<() => void> => {
    if (perProject === undefined) return () => undefined;
    const share = shares.get(projectId) ?? { semaphore: new Semaphore(perProject), users: 0 };
    shares.set(projectId, share);
    share.users += 1;
    const leave = () => {
      share.users -= 1;
      if (share.users === 0) shares.delete(projectId);
    };
    try {
      const release = await acquire(share.semaphore, weight, waitMs, refusal);
      return once(() => {
        release();
        leave();
      });
    } catch (error) {
      leave();
      throw error;
    }
  };

  return async (projectId = '', weight = 1) => {
    const askedAt = performance.now();
    const releaseShare = await takeShare(projectId, weight);
    if (all === null) return releaseShare;
    try {
      const left = Math.max(0, waitMs - (performance.now() - askedAt));
      const release = await acquire(all, weight, left, refusal);
      return () => {
        release();
        releaseShare();
      };
    } catch (error) {
      releaseShare();
      throw error;
    }
  };
}

async function acquire(
  semaphore: SemaphoreInterface,
  weight: number,
  waitMs: number,
  refusal: () => ApiError,
): Promise<() => void> {
  const [, release] = await withTimeout(semaphore, waitMs, refusal()).acquire(weight);
  return release;
}

/** The step, done once however often it is asked for. */
export function once(step: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) step();
    isDone = true;
  };
}

/** What is given back at the end of an answer: one listener for all of it, since Node warns of more than ten. */
const releases = new WeakMap<ServerResponse, (() => void)[]>();

/** Gives places back when the answer is written, or its client is gone. */
export function untilAnswered(response: ServerResponse, release: () => void): void {
  // The client may have left while its request waited for a place.
  if (response.closed || response.destroyed) {
    release();
    return;
  }
  const known = releases.get(response);
  if (known !== undefined) {
    known.push(release);
    return;
  }
  const all = [release];
  releases.set(response, all);
  response.once('close', () => {
    for (const each of all) each();
  });
}

/** A burst of short requests is over by then; who still has no place is better off asking again than holding a connection. */
const WAIT_MS = 2_000;

/**
 * Lets so many requests of a project be under way at a time, from here to the last byte of the answer, then asks for the body of a
 * client that waits for that (`Expect: 100-continue`): nothing of a body is read before its token and its place are known.
 * @throws ApiError 429 with Retry-After
 */
export function admit(perProject: number): RequestHandler {
  const take = createRequestSlots({
    perProject,
    waitMs: WAIT_MS,
    refusal: () =>
      new ApiError(
        429,
        { message: `More than ${perProject} requests of the project are under way` },
        { 'Retry-After': '1' },
      ),
  });
  return async (ctx, next) => {
    untilAnswered(ctx.res, await take(tokenOf(ctx.state).projectId));
    letContinue(ctx.res);
    await next();
  };
}
