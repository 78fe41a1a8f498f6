import type { IncomingMessage } from 'node:http';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { ApiError } from '../domain/api-error.js';
import { tokenOf, type RequestHandler } from './context.js';

export interface RateLimit {
  readonly points: number;
  readonly windowMs: number;
}

interface Limiter {
  readonly name: string;
  readonly limit: RateLimit;
  readonly memory: RateLimiterMemory;
  readonly keyOf: (token: { projectId: string; jti: string }) => string;
}

/** Parsing, checking and storing a MiB of items takes some hundred times as long as a short request; a point buys a MiB all the same. */
const POINT_BYTES = 1024 ** 2;
/** JSON and CSV of items pack about ten to one. */
const PACKED_RATIO = 10;

/**
 * Limits what one token asks for, and all tokens of one project together, per gateway, and tells the client where it stands
 * (draft-ietf-httpapi-ratelimit-headers). A request costs a point. Its body costs a point for each MiB, ten when it is packed,
 * charged when it is over: the length need not be known before.
 * @throws ApiError 429 with Retry-After
 */
export function rateLimit(ofToken: RateLimit | null, ofProject: RateLimit | null): RequestHandler {
  const limiters: Limiter[] = [];
  if (ofToken !== null) limiters.push(limiterOf('default', ofToken, ({ projectId, jti }) => `${projectId}/${jti}`));
  if (ofProject !== null) limiters.push(limiterOf('project', ofProject, ({ projectId }) => projectId));
  if (limiters.length === 0) return (_ctx, next) => next();
  const policy = limiters.map(({ name, limit }) => `"${name}";q=${limit.points};w=${secondsOf(limit)}`).join(', ');
  return async (ctx, next) => {
    const token = tokenOf(ctx.state);
    const standings = await Promise.all(limiters.map((limiter) => consume(limiter, token)));
    ctx.set('RateLimit-Policy', policy);
    ctx.set('RateLimit', standings.map(({ name, left, resetS }) => `"${name}";r=${left};t=${resetS}`).join(', '));
    const refused = standings.find(({ isAllowed }) => !isAllowed);
    if (refused !== undefined) throw tooMany(refused);
    try {
      await next();
    } finally {
      const points = pointsOf(ctx.req, ctx.req.socket.bytesRead - (ctx.state.receivedBefore ?? 0));
      if (points > 0) for (const { memory, keyOf } of limiters) await memory.penalty(keyOf(token), points);
    }
  };
}

/** A connection has one request at a time, so that what it has received meanwhile is this body; a first packet came with the head. */
function pointsOf({ headers }: IncomingMessage, bytes: number): number {
  const isPacked = (headers['content-encoding'] ?? 'identity') !== 'identity';
  return Math.round((bytes * (isPacked ? PACKED_RATIO : 1)) / POINT_BYTES);
}

function limiterOf(name: string, limit: RateLimit, keyOf: Limiter['keyOf']): Limiter {
  const memory = new RateLimiterMemory({ points: limit.points, duration: limit.windowMs / 1000 });
  return { name, limit, memory, keyOf };
}

async function consume({ name, limit, memory, keyOf }: Limiter, token: { projectId: string; jti: string }) {
  try {
    return { name, limit, ...standing(await memory.consume(keyOf(token)), true) };
  } catch (refusal) {
    if (refusal instanceof RateLimiterRes) return { name, limit, ...standing(refusal, false) };
    throw refusal;
  }
}

function standing(result: RateLimiterRes, isAllowed: boolean) {
  // At least a second: a client that waits 0 would come back at once.
  return { isAllowed, left: result.remainingPoints, resetS: Math.max(1, Math.ceil(result.msBeforeNext / 1000)) };
}

function tooMany({ name, limit, resetS }: { name: string; limit: RateLimit; resetS: number }): ApiError {
  const of = name === 'project' ? ' of the project' : '';
  const message = `More than ${limit.points} requests${of} in ${limit.windowMs / 1000} seconds`;
  return new ApiError(429, { message }, { 'Retry-After': String(resetS) });
}

function secondsOf({ windowMs }: RateLimit): number {
  return Math.ceil(windowMs / 1000);
}
