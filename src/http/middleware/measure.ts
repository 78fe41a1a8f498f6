import { performance } from 'node:perf_hooks';
import type { Logger } from 'pino';
import type { GatewayMetrics } from '../../telemetry/gateway-metrics.js';
import type { RequestHandler } from '../request-state.js';

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
