import type { Logger } from 'pino';
import type { Batch } from '../contract/batch.js';
import { priorityOf } from '../contract/priority.js';
import type { Store } from '../contract/store.js';
import type { ImportWorkflows } from './import-workflows.js';

/** A gateway that is alive starts its own batch within 5 s of accepting it (the deadline of a start). */
const UNSTARTED_AFTER_MS = 10_000;
/** Storing touches the batch with every chunk of items; a chunk takes seconds at worst. */
const HALF_STORED_AFTER_MS = 5 * 60_000;
/** Often enough that a crash delays an import by seconds; two small indexed reads each time. */
const INTERVAL_MS = 5_000;
const LIMIT = 100;

export interface Reconciler {
  /** Runs now, and from then on every few seconds. */
  start(): void;
  /** One pass; a batch that fails keeps no other one from its turn. @throws whatever MongoDB or Temporal throw */
  runOnce(): Promise<void>;
  /** Resolves when a pass that was under way is over. */
  stop(): Promise<void>;
}

/**
 * Finishes what a gateway that died left behind: starts accepted batches that no workflow was confirmed for and removes batches
 * whose storing stopped. Every step is idempotent, so that several gateways may do it at once.
 */
export function createReconciler(deps: {
  store: Pick<Store, 'batches' | 'items'>;
  workflows: Pick<ImportWorkflows, 'start' | 'state'>;
  logger: Logger;
  intervalMs?: number;
  now?: () => Date;
}): Reconciler {
  const { store, workflows, logger, intervalMs = INTERVAL_MS, now = () => new Date() } = deps;
  let timer: NodeJS.Timeout | undefined;
  let pass: Promise<void> = Promise.resolve();
  let isRunning = false;

  const start = async (batch: Batch) => {
    const { _id: batchId, projectId, kind, itemCount } = batch;
    try {
      await workflows.start({ projectId, batchId, kind, itemCount }, priorityOf(batch));
    } catch (error) {
      // Terminated before it told anything: once the batch counts as started, whoever reads its status ends it.
      if ((await workflows.state({ projectId, batchId })).state !== 'ended') throw error;
    }
    await store.batches.markStarted(batchId, now());
    logger.info({ projectId, batchId }, 'started an accepted import that no gateway had started');
  };
  const remove = async (batch: Batch) => {
    if (!(await store.batches.giveUp(batch))) return;
    await store.items.removeAll(batch._id);
    await store.batches.remove(batch._id);
    logger.info({ projectId: batch.projectId, batchId: batch._id }, 'removed an import that was stored only in part');
  };
  const before = (ageMs: number) => new Date(now().getTime() - ageMs);
  const runOnce = async () => {
    await forEvery(await store.batches.findHalfStored(before(HALF_STORED_AFTER_MS), LIMIT), remove);
    await forEvery(await store.batches.findUnstarted(before(UNSTARTED_AFTER_MS), LIMIT), start);
  };
  const loop = () => {
    pass = runOnce()
      // The servers may be away for a while; the next pass tries again.
      .catch((error: unknown) => {
        logger.warn({ err: error }, 'could not look for unstarted imports');
      })
      .then(() => {
        if (isRunning) timer = setTimeout(loop, intervalMs).unref();
      });
  };

  return {
    runOnce,
    start() {
      if (isRunning) return;
      isRunning = true;
      loop();
    },
    async stop() {
      isRunning = false;
      clearTimeout(timer);
      await pass;
    },
  };
}

/** All at once: with a server away they end after one time limit, not after one for each. @throws the first failure, when all are done */
async function forEvery(batches: readonly Batch[], step: (batch: Batch) => Promise<void>): Promise<void> {
  const outcomes = await Promise.allSettled(batches.map(step));
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}
