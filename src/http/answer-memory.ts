import { ApiError } from '../contract/api-error.js';
import { createPlaces, once, untilAnswered } from './places.js';
import { tokenOf, type RequestContext } from './request-state.js';

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
export function createAnswerMemory(totalBytes: number): HoldAnswer {
  const units = Math.ceil(totalBytes / UNIT_BYTES);
  const perProject = Math.ceil(units / 2);
  const take = createPlaces({
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
