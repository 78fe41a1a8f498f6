import type { RequestListener } from 'node:http';
import { Registry, Counter, Histogram, collectDefaultMetrics, Gauge } from 'prom-client';

/** Answers `/metrics` in the Prometheus text format; on a port of its own, so that it is never published with the API. */
export function metricsHandler(registry: Registry): RequestListener {
  return (request, response) => {
    if (request.url !== '/metrics') {
      response.writeHead(404).end();
      return;
    }
    void registry.metrics().then(
      (text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
      () => response.writeHead(500).end(),
    );
  };
}

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

export interface WorkerMetrics {
  readonly registry: Registry;
  /** @param count of items that were settled at once */
  itemSettled(kind: string, state: string, code: string | undefined, bytes: number, count?: number): void;
  attemptFailed(code: string): void;
  batchFinished(kind: string, state: string): void;
  /** A host began to cool. */
  hostCooled(code: string): void;
  /** An item had to wait for a slot of its host. */
  hostWaited(): void;
  /** Asked whenever the metrics are read. */
  watchHosts(counts: () => { readonly active: number; readonly cooling: number }): void;
  /** Asked whenever the metrics are read. */
  watchSlots(ask: () => Promise<readonly QueueFacts[]>): void;
  webhookAttempted(state: string): void;
  garbageRemoved(kind: 'blob' | 'part' | 'import' | 'idempotency_key', count: number, bytes: number): void;
}

/** How full a worker is, and what waits for workers, of one kind of work. */
export interface QueueFacts {
  readonly kind: string;
  /** Activities that run in this worker, and how many may. */
  readonly used: number;
  readonly slots: number;
  /** Activities that wait at the server, and for how long the first of them has; null when the server did not tell. */
  readonly backlog: { readonly count: number; readonly ageSeconds: number } | null;
}

/** Counters of one worker process. Labels come from closed tables, so their number is bounded. */
export function createWorkerMetrics(): WorkerMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const counter = <L extends string>(name: string, help: string, labelNames: L[]): Counter<L> =>
    new Counter({ name: `durable_import_${name}`, help, labelNames, registers: [registry] });

  const items = counter('items_settled_total', 'Items that got their final state', ['kind', 'state', 'code']);
  const bytes = counter('bytes_received_total', 'Body bytes of settled items', ['kind']);
  const attempts = counter('attempts_failed_total', 'Attempts at items that failed', ['code']);
  const batches = counter('batches_finished_total', 'Batches that ended', ['kind', 'state']);
  const webhooks = counter('webhook_attempts_total', 'Webhook delivery attempts by the state they led to', ['state']);
  const cooldowns = counter('host_cooldowns_total', 'Pauses that source hosts were given', ['code']);
  const waits = counter('host_slot_waits_total', 'Items that had to wait for a slot of their host', []);
  const garbage = counter('garbage_removed_total', 'Things that garbage collection removed', ['kind']);
  const garbageBytes = counter('garbage_removed_bytes_total', 'Bytes that garbage collection removed', ['kind']);
  return {
    registry,
    itemSettled(kind, state, code, received, count = 1) {
      items.inc({ kind, state, code: code ?? '' }, count);
      bytes.inc({ kind }, received);
    },
    attemptFailed: (code) => {
      attempts.inc({ code });
    },
    batchFinished: (kind, state) => {
      batches.inc({ kind, state });
    },
    hostCooled: (code) => {
      cooldowns.inc({ code });
    },
    hostWaited: () => {
      waits.inc();
    },
    watchHosts: (counts) => {
      const gauge = (name: string, help: string, value: () => number) =>
        new Gauge({
          name: `durable_import_${name}`,
          help,
          registers: [registry],
          collect() {
            this.set(value());
          },
        });
      gauge('host_slots_in_use', 'Items that are being fetched, of all hosts', () => counts().active);
      gauge('hosts_cooling', 'Hosts that this worker knows to be cooling', () => counts().cooling);
    },
    watchSlots: (ask) => {
      const labelNames = ['kind'];
      const gauge = (name: string, help: string): Gauge =>
        new Gauge({ name: `durable_import_${name}`, help, labelNames, registers: [registry] });
      const slots = gauge('worker_slots', 'Activities that this worker may run at a time');
      const backlog = gauge('task_queue_backlog', 'Activities that wait for a worker, in all workers together');
      const age = gauge(
        'task_queue_backlog_age_seconds',
        'How long the first activity that waits for a worker has done so',
      );
      new Gauge({
        name: 'durable_import_worker_slots_used',
        help: 'Activities that this worker runs',
        labelNames,
        registers: [registry],
        async collect() {
          for (const facts of await ask()) {
            const { kind } = facts;
            this.set({ kind }, facts.used);
            slots.set({ kind }, facts.slots);
            if (facts.backlog === null) continue;
            backlog.set({ kind }, facts.backlog.count);
            age.set({ kind }, facts.backlog.ageSeconds);
          }
        },
      });
    },
    webhookAttempted: (state) => {
      webhooks.inc({ state });
    },
    garbageRemoved: (kind, count, freed) => {
      garbage.inc({ kind }, count);
      garbageBytes.inc({ kind }, freed);
    },
  };
}
