import type { Logger } from 'pino';
import { priorityOf, type Batch } from '../domain/import.js';
import type { Delivery } from '../domain/delivery.js';
import { generationOf } from '../domain/ids.js';
import type { Store } from '../store/store.js';
import { createTakeUpRetry } from './control.js';
import { createEndImport } from './end-import.js';
import type { ImportWorkflows } from '../temporal/client.js';

/** A gateway that is alive starts its own batch within 5 s of accepting it (the deadline of a start). */
const UNSTARTED_AFTER_MS = 10_000;
/** Storing touches the batch with every chunk of items; a chunk takes seconds at worst. */
const HALF_STORED_AFTER_MS = 5 * 60_000;
/** The first attempt is made by the import itself, and takes a minute at most; the workflow for all others starts after it. */
const UNTOLD_AFTER_MS = 90_000;
/**
 * A gateway that is alive tells Temporal of a retry or a cancellation within 10 s. A run that has many items under way, or to open again,
 * is asked again meanwhile, which changes nothing.
 */
const UNASKED_AFTER_MS = 15_000;
/** Half of the two minutes within which an import ends whose run is gone: the other half is for passes that fail or are full. */
const UNCHECKED_AFTER_MS = 60_000;
/** Often enough that a crash delays an import by seconds; a few small indexed reads each time. */
const INTERVAL_MS = 5_000;
const LIMIT = 100;
/**
 * Running imports that one pass asks Temporal about. 500 answers took 2.5 s from a development server on a busy machine of two cores, so
 * that 12 passes fit into two minutes even there: each of 6,000 running imports is looked at within them, by each gateway; with more
 * of them an end is noticed later. No more than a hundred such questions a second are 4 % of what a namespace of Temporal takes
 * (2,400 requests a second by default).
 */
const CHECKS = 500;
/** Questions at a time: enough to hide the way to the server, and few beside what its clients ask. */
const CHECKS_AT_ONCE = 20;

type ReconciledStore = Pick<Store, 'batches' | 'items' | 'deliveries' | 'retries' | 'databaseTime'>;
type ReconcilerWorkflows = Pick<ImportWorkflows, 'start' | 'state' | 'deliver' | 'cancel' | 'retry'>;

export interface Reconciler {
  /** Runs now, and from then on every few seconds. */
  start(): void;
  /** One pass; a batch that fails keeps no other one from its turn. @throws whatever MongoDB or Temporal throw */
  runOnce(): Promise<void>;
  /** Resolves when a pass that was under way is over. */
  stop(): Promise<void>;
}

/**
 * Finishes what others left behind: starts accepted batches that no workflow was confirmed for, removes batches whose storing
 * stopped, ends imports whose workflow was terminated, timed out or is gone, has retries and cancellations performed that were recorded only, and
 * starts deliveries of webhooks that were opened only.
 * Every step is idempotent, so that several gateways may do it at once.
 *
 * Imports are looked at in turn, the one that was longest not looked at first, and Temporal is asked for each (describe). A list of
 * closed workflows would be cheaper, but it lags behind and forgets, and a workflow that is gone is in none.
 */
export function createReconciler(deps: {
  store: ReconciledStore;
  workflows: ReconcilerWorkflows;
  logger: Logger;
  intervalMs?: number;
  now?: () => Date;
}): Reconciler {
  const { store, workflows, logger, intervalMs = INTERVAL_MS, now = () => new Date() } = deps;
  const endImport = createEndImport(deps);
  let timer: NodeJS.Timeout | undefined;
  let pass: Promise<void> = Promise.resolve();
  let isRunning = false;

  const remove = async (batch: Batch) => {
    if (!(await store.batches.giveUp(batch))) return;
    await store.items.removeAll(batch._id);
    await store.batches.remove(batch._id);
    logger.info({ projectId: batch.projectId, batchId: batch._id }, 'removed an import that was stored only in part');
  };
  const start = async (batch: Batch) => {
    const { _id: batchId, projectId, kind, itemCount } = batch;
    let hasEnded = false;
    try {
      await workflows.start({ projectId, batchId, kind, itemCount }, priorityOf(batch));
    } catch (error) {
      // Terminated before it told anything.
      hasEnded = (await workflows.state({ projectId, batchId })).state === 'ended';
      if (!hasEnded) throw error;
    }
    await store.batches.markStarted(batchId, now());
    logger.info({ projectId, batchId }, 'started an accepted import that no gateway had started');
    if (hasEnded) await endImport({ projectId, batchId });
  };
  const check = async ({ _id: batchId, projectId }: Pick<Batch, '_id' | 'projectId'>) => {
    if ((await workflows.state({ projectId, batchId })).state !== 'running') await endImport({ projectId, batchId });
  };
  const deliver = async ({ _id: webhookId, projectId, batchId, redeliveries: redelivery }: Delivery) => {
    const batch = await store.batches.find(projectId, batchId);
    // Past its retention the batch is removed, and its deliveries with it.
    if (batch !== null)
      await workflows.deliver(
        { projectId, batchId, webhookId, ...(redelivery !== undefined && { redelivery }) },
        generationOf(webhookId),
        priorityOf(batch),
      );
    await store.deliveries.markStarted(webhookId);
  };

  const before = (ageMs: number) => new Date(now().getTime() - ageMs);
  /** By the clock that dates `touchedAt`: a gateway whose own clock is ahead must not give up what others are storing. */
  const beforeShared = async (ageMs: number) => new Date((await store.databaseTime()).getTime() - ageMs);
  const checkRunning = async () => {
    const at = now();
    const unchecked = await store.batches.findUnchecked(before(UNCHECKED_AFTER_MS), CHECKS);
    const looked: string[] = [];
    try {
      await forEvery(unchecked, CHECKS_AT_ONCE, (batch) => {
        looked.push(batch._id);
        return check(batch);
      });
    } finally {
      // One that cannot be looked at waits for its next turn like the others.
      if (looked.length > 0) await store.batches.markChecked(looked, at);
    }
  };
  const steps = [
    async () =>
      forEvery(await store.batches.findHalfStored(await beforeShared(HALF_STORED_AFTER_MS), LIMIT), LIMIT, remove),
    async () =>
      forEvery(await store.batches.findUnstarted(await beforeShared(UNSTARTED_AFTER_MS), LIMIT), LIMIT, start),
    async () =>
      forEvery(await store.batches.findHalfEnded(LIMIT), LIMIT, ({ _id: batchId, projectId }) =>
        endImport({ projectId, batchId }),
      ),
    ...unaskedSteps(deps, () => beforeShared(UNASKED_AFTER_MS)),
    checkRunning,
    async () => forEvery(await store.deliveries.findUnstarted(before(UNTOLD_AFTER_MS), LIMIT), LIMIT, deliver),
  ];
  const runOnce = async () => {
    const failures: unknown[] = [];
    for (const step of steps) await step().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  };
  const loop = () => {
    pass = runOnce()
      // The servers may be away for a while; the next pass tries again.
      .catch((error: unknown) => {
        logger.warn({ err: error }, 'could not look for what others left behind');
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

/** Retries and cancellations of which Temporal may not have heard. */
function unaskedSteps(
  deps: { readonly store: ReconciledStore; readonly workflows: ReconcilerWorkflows; readonly logger: Logger },
  before: () => Promise<Date>,
): readonly (() => Promise<void>)[] {
  const { batches, retries } = deps.store;
  const takeUpRetry = createTakeUpRetry(deps);
  const endImport = createEndImport(deps);
  const cancel = async ({ _id: batchId, projectId }: Pick<Batch, '_id' | 'projectId'>) => {
    if ((await deps.workflows.cancel({ projectId, batchId })) === 'ended') await endImport({ projectId, batchId });
  };
  return [
    async () => forEvery(await retries.listPending(await before(), LIMIT), CHECKS_AT_ONCE, takeUpRetry),
    async () => forEvery(await batches.findToCancel(await before(), LIMIT), CHECKS_AT_ONCE, cancel),
  ];
}

/**
 * So many at a time. Those at the same time do not keep each other from their turn, but no other is begun once one has failed: with a
 * server away a pass ends after one time limit, not after one for each.
 * @throws the first failure, when all that had begun are done
 */
async function forEvery<T>(entries: readonly T[], atOnce: number, step: (entry: T) => Promise<unknown>): Promise<void> {
  const queue = entries.values();
  const failures: unknown[] = [];
  const lane = async () => {
    for (const entry of queue) {
      if (failures.length > 0) return;
      await step(entry).catch((error: unknown) => failures.push(error));
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, entries.length) }, lane));
  if (failures.length > 0) throw failures[0];
}
