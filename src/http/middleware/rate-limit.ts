import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { ApiError } from '../../contract/api-error.js';
import { tokenOf, type RequestHandler } from '../request-state.js';

export interface RateLimit {
  readonly points: number;
  readonly windowMs: number;
}

/**
 * Limits the requests of one token, per gateway, and tells the client where it stands (draft-ietf-httpapi-ratelimit-headers).
 * @throws ApiError 429 with Retry-After
 */
export function rateLimit(limit: RateLimit | null): RequestHandler {
  if (limit === null) return (_ctx, next) => next();
  const limiter = new RateLimiterMemory({ points: limit.points, duration: limit.windowMs / 1000 });
  const policy = `"default";q=${limit.points};w=${Math.ceil(limit.windowMs / 1000)}`;
  return async (ctx, next) => {
    const { projectId, jti } = tokenOf(ctx.state);
    const { isAllowed, remaining, resetSeconds } = await consume(limiter, `${projectId}/${jti}`);
    ctx.set('RateLimit-Policy', policy);
    ctx.set('RateLimit', `"default";r=${remaining};t=${resetSeconds}`);
    if (!isAllowed)
      throw new ApiError(
        429,
        { message: `More than ${limit.points} requests in ${limit.windowMs / 1000} seconds` },
        { 'Retry-After': String(resetSeconds) },
      );
    await next();
  };
}

async function consume(limiter: RateLimiterMemory, key: string) {
  try {
    return standing(await limiter.consume(key), true);
  } catch (refusal) {
    if (refusal instanceof RateLimiterRes) return standing(refusal, false);
    throw refusal;
  }
}

function standing(result: RateLimiterRes, isAllowed: boolean) {
  // At least a second: a client that waits 0 would come back at once.
  const resetSeconds = Math.max(1, Math.ceil(result.msBeforeNext / 1000));
  return { isAllowed, remaining: result.remainingPoints, resetSeconds };
}
