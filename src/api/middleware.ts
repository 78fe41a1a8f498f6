import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type Router from '@koa/router';
import type { Logger } from 'pino';
import { ApiError } from '../domain/api-error.js';
import type { GatewayMetrics } from '../telemetry/metrics.js';
import type { RequestHandler, RequestState } from './context.js';

/** Which `:v` of `/api/:v` are served. */
export interface ApiVersionRules {
  /** The newest version, `YYYY-MM` of an odd month. */
  readonly latest: string;
  /** Versions that were served once and are not any more, whichever they are. */
  readonly withdrawn: readonly string[];
}

export type ApiVersionState = 'served' | 'withdrawn' | 'unknown';

/** The first dated version; everything odd from here to the newest exists. */
const FIRST_DATED = '2025-03';
const UNDATED = ['v1', 'beta'];
const DATED = /^\d{4}-(?:01|03|05|07|09|11)$/;

/** Tells a served version from a withdrawn one and from one that never was. Dated names compare as text, being zero-padded. */
export function apiVersionState(version: string, rules: ApiVersionRules): ApiVersionState {
  if (rules.withdrawn.includes(version)) return 'withdrawn';
  const exists =
    UNDATED.includes(version) || (DATED.test(version) && version >= FIRST_DATED && version <= rules.latest);
  return exists ? 'served' : 'unknown';
}

/** Lets requests to served versions of the API through. @throws ApiError 410 (withdrawn), 404 (never existed) */
export function apiVersion(rules: ApiVersionRules): RequestHandler {
  return async (ctx, next) => {
    demandVersion(ctx.path, rules);
    await next();
  };
}

/** Demands that the version of an API path is served, whatever the method. @throws ApiError 410 (withdrawn), 404 (never existed) */
function demandVersion(path: string, rules: ApiVersionRules): void {
  const version = path.split('/')[2] ?? '';
  const state = apiVersionState(version, rules);
  if (state === 'unknown') throw new ApiError(404, { url: path });
  if (state === 'withdrawn')
    throw new ApiError(410, { api_version: `The API version ${version} is not available anymore` });
}

/**
 * Answers what no route took.
 * @throws ApiError 405 with Allow when the path exists in this version, else 404 as published; 410 for a version that was withdrawn
 */
export function notFound(router: Router<RequestState>, versions: ApiVersionRules): RequestHandler {
  return (ctx) => {
    const methods = new Set(router.match(ctx.path, ctx.method).path.flatMap((layer) => layer.methods));
    if (methods.size === 0) throw new ApiError(404, { url: ctx.path });
    if (ctx.path.startsWith('/api/')) demandVersion(ctx.path, versions);
    const allow = [...methods].sort().join(', ');
    throw new ApiError(405, { method: `${ctx.method} is not allowed here, ${allow} is` }, { Allow: allow });
  };
}

/** Asked every few seconds by orchestrators; a line each would bury what matters. */
const PROBES = ['/healthz', '/readyz'];

/**
 * Counts, times and logs every answer under the pattern of its route: paths would be labels without end, and queries may hold
 * what is secret.
 */
export function measure(metrics: Pick<GatewayMetrics, 'requestAnswered'>, logger: Logger): RequestHandler {
  return async (ctx, next) => {
    const startedAt = performance.now();
    ctx.state.receivedBefore = ctx.req.socket.bytesRead;
    try {
      await next();
    } finally {
      const route = '_matchedRoute' in ctx && typeof ctx._matchedRoute === 'string' ? ctx._matchedRoute : 'none';
      const seconds = (performance.now() - startedAt) / 1000;
      metrics.requestAnswered(ctx.method, route, ctx.status, seconds);
      const { requestId, token } = ctx.state;
      const facts = { requestId, method: ctx.method, route, status: ctx.status, ms: Math.round(seconds * 1000) };
      const level = PROBES.includes(route) ? 'debug' : 'info';
      logger[level]({ ...facts, ...(token && { projectId: token.projectId, jti: token.jti }) }, 'answered');
    }
  };
}

/** What goes into logs and back to the client unchanged: nothing that could break a line or a header. */
const SANE = /^[A-Za-z0-9._:-]{1,128}$/;

/** Puts `x-request-id` on every answer: the client's own if it is sane, else a new one. */
export function requestId(): RequestHandler {
  return async (ctx, next) => {
    const given = ctx.get('x-request-id');
    ctx.state.requestId = SANE.test(given) ? given : randomUUID();
    ctx.set('x-request-id', ctx.state.requestId);
    await next();
  };
}

/**
 * Headers that keep a browser from doing anything with an answer but reading it (OWASP REST security cheat sheet): nothing is
 * sniffed, framed or executed, and API answers are not kept.
 */
export function securityHeaders(): RequestHandler {
  return async (ctx, next) => {
    ctx.set('X-Content-Type-Options', 'nosniff');
    ctx.set('Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'; sandbox");
    ctx.set('Referrer-Policy', 'no-referrer');
    ctx.set('Cache-Control', 'no-store');
    await next();
  };
}
