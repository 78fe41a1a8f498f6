import { ApiError } from '../../contract/api-error.js';
import { letContinue } from '../let-continue.js';
import { createPlaces, untilAnswered } from '../places.js';
import { tokenOf, type RequestHandler } from '../request-state.js';

/** A burst of short requests is over by then; who still has no place is better off asking again than holding a connection. */
const WAIT_MS = 2_000;

/**
 * Lets so many requests of a project be under way at a time, from here to the last byte of the answer, then asks for the body of a
 * client that waits for that (`Expect: 100-continue`): nothing of a body is read before its token and its place are known.
 * @throws ApiError 429 with Retry-After
 */
export function admit(perProject: number): RequestHandler {
  const take = createPlaces({
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
