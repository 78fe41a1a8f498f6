import { Counter, Registry, collectDefaultMetrics } from 'prom-client';

export interface WorkerMetrics {
  readonly registry: Registry;
  itemSettled(kind: string, state: string, code: string | undefined, bytes: number): void;
  attemptFailed(code: string): void;
  batchFinished(kind: string, state: string): void;
  webhookAttempted(state: string): void;
  garbageRemoved(kind: 'blob' | 'part' | 'import' | 'idempotency_key', count: number, bytes: number): void;
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
  const garbage = counter('garbage_removed_total', 'Things that garbage collection removed', ['kind']);
  const garbageBytes = counter('garbage_removed_bytes_total', 'Bytes that garbage collection removed', ['kind']);
  return {
    registry,
    itemSettled(kind, state, code, received) {
      items.inc({ kind, state, code: code ?? '' });
      bytes.inc({ kind }, received);
    },
    attemptFailed: (code) => {
      attempts.inc({ code });
    },
    batchFinished: (kind, state) => {
      batches.inc({ kind, state });
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
