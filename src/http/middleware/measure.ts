import { performance } from 'node:perf_hooks';
import type { GatewayMetrics } from '../../telemetry/gateway-metrics.js';
import type { RequestHandler } from '../request-state.js';

/** Counts and times every answer under the pattern of its route: paths would be labels without end. */
export function measure(metrics: Pick<GatewayMetrics, 'requestAnswered'>): RequestHandler {
  return async (ctx, next) => {
    const startedAt = performance.now();
    try {
      await next();
    } finally {
      const route = '_matchedRoute' in ctx && typeof ctx._matchedRoute === 'string' ? ctx._matchedRoute : 'none';
      metrics.requestAnswered(ctx.method, route, ctx.status, (performance.now() - startedAt) / 1000);
    }
  };
}
