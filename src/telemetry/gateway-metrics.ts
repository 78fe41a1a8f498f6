import { Counter, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

export interface GatewayMetrics {
  readonly registry: Registry;
  /** One answered request; `route` is the pattern of the path, never the path itself. */
  requestAnswered(method: string, route: string, status: number, seconds: number): void;
  /** One batch that is durable. */
  batchAccepted(kind: string, items: number): void;
}

/** From a cached status (milliseconds) to a POST of 10,000 items on a busy machine. */
const BUCKETS_SECONDS = [0.005, 0.02, 0.05, 0.1, 0.3, 1, 3, 10];

/** Counters of one gateway process. */
export function createGatewayMetrics(): GatewayMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const requests = new Histogram({
    name: 'durable_import_http_request_seconds',
    help: 'Time from request to the end of the answer',
    labelNames: ['method', 'route', 'status'],
    buckets: BUCKETS_SECONDS,
    registers: [registry],
  });
  const batches = new Counter({
    name: 'durable_import_batches_accepted_total',
    help: 'Batches that are durable',
    labelNames: ['kind'],
    registers: [registry],
  });
  const items = new Counter({
    name: 'durable_import_items_accepted_total',
    help: 'Items of accepted batches',
    labelNames: ['kind'],
    registers: [registry],
  });
  return {
    registry,
    requestAnswered(method, route, status, seconds) {
      requests.observe({ method, route, status: String(status) }, seconds);
    },
    batchAccepted(kind, count) {
      batches.inc({ kind });
      items.inc({ kind }, count);
    },
  };
}
