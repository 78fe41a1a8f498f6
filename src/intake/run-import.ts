import pTimeout from 'p-timeout';
import type { Logger } from 'pino';
import { ApiError } from '../domain/api-error.js';
import { grantedPriority, priorityOf, type Batch, type Kind } from '../domain/import.js';
import type { ItemSpec } from '../domain/item.js';
import { firstPlan, type PlanSettings } from '../temporal/names.js';
import { hashOf, type Idempotency } from './idempotency.js';
import type { ImportEnvelope } from './request/envelope.js';
import type { Store } from '../store/store.js';
import type { GatewayMetrics } from '../telemetry/metrics.js';
import { outageOf, type ImportWorkflows } from '../temporal/client.js';

/** A sixth of the 30 s after which another POST with the key takes a storing batch for abandoned. */
const TOUCH_MS = 5_000;
/** Removing 100,000 items takes some seconds. A client does not wait for more: no silence may become as long as `listen` allows. */
const UNDO_MS = 20_000;

export interface AcceptDeps {
  readonly store: Store;
  readonly workflows: ImportWorkflows;
  readonly plan: PlanSettings;
  readonly metrics: Pick<GatewayMetrics, 'batchAccepted'>;
  readonly logger: Logger;
}

interface BatchToRun {
  readonly batchId: string;
  readonly projectId: string;
  readonly kind: Kind;
  readonly envelope: ImportEnvelope;
  /** Whether the token of the POST lets the batch pass those of other projects. */
  readonly mayBeUrgent: boolean;
  /** Its key has been claimed for this batch. */
  readonly idempotency?: Idempotency;
}

/** Reads the items of a batch in request order, has them stored, and answers their number. Whatever it throws refuses the batch. */
export type TakeItems = (batchId: string, store: (items: readonly ItemSpec[]) => Promise<void>) => Promise<number>;

/**
 * Takes a batch from nothing to a durable workflow. When it throws, nothing is left behind, as far as MongoDB lets itself be told;
 * the reconciler removes the rest.
 * @throws ApiError 503 (storing was interrupted for so long that the import was given up); whatever `take` throws; Outage or a
 *   driver error that `outageOf` knows
 */
export type RunBatch = (batch: BatchToRun, take: TakeItems) => Promise<void>;

/** Creates RunBatch over the store and the workflow engine. */
export function createRunBatch(deps: AcceptDeps): RunBatch {
  const { store, workflows, metrics, logger } = deps;

  /** What is done after the import is safe, or after it is lost: the reconciler or a time limit makes up for it. */
  const tryTo = async (what: string, batchId: string, step: Promise<unknown>) => {
    try {
      await step;
    } catch (error) {
      logger.warn({ batchId, err: error }, `could not ${what}`);
    }
  };

  /**
   * Takes back what a refused POST had stored. The key is freed last: as long as something may be left of the import, it leads
   * back to it. Answers false when the import has begun after all.
   */
  const undo = async ({ batchId, projectId, idempotency }: BatchToRun): Promise<boolean> => {
    try {
      if (!(await store.batches.refuse(batchId))) return false;
      await store.items.removeAll(batchId);
      await store.batches.remove(batchId);
      if (idempotency !== undefined) await store.idempotencyKeys.release(projectId, idempotency.key, batchId);
    } catch (error) {
      logger.warn({ batchId, err: error }, 'could not undo an import that was refused');
    }
    return true;
  };

  /** The import was given up while it was stored: the process that did so removes it, or has stored it anew under the same id. */
  const leave = async ({ batchId, projectId }: BatchToRun) => {
    if ((await store.batches.find(projectId, batchId)) === null) await store.items.removeAll(batchId);
  };

  /** Keeps a slow POST from looking abandoned, for as long as it stores. */
  const whileTouched = async <T>(run: BatchToRun, work: () => Promise<T>): Promise<T> => {
    const { batchId, projectId, idempotency } = run;
    const key = idempotency?.key;
    const touch = () => {
      void tryTo('touch an import that is being stored', batchId, store.batches.touch(batchId));
      if (key !== undefined)
        void tryTo('renew the claim of a key', batchId, store.idempotencyKeys.renew(projectId, key, batchId));
    };
    const timer = setInterval(touch, TOUCH_MS);
    try {
      return await work();
    } finally {
      clearInterval(timer);
    }
  };

  /** Stores all items and answers the hosts of the first ones. */
  const storeAll = async (batch: Batch, { batchId, projectId, idempotency }: BatchToRun, take: TakeItems) => {
    const hosts: string[] = [];
    const count = await take(batchId, async (items) => {
      hosts.push(...items.slice(0, deps.plan.sweepAbove - hosts.length).map(({ host }) => host));
      await store.items.insertMany(batch, items);
    });
    // Before the batch is accepted: a key that leads to it must know its body, and another POST may have taken this one for dead.
    const isOwn =
      idempotency === undefined ||
      (await store.idempotencyKeys.seal(projectId, idempotency.key, batchId, hashOf(idempotency)));
    if (!isOwn) throw new GivenUp();
    return { count, hosts };
  };

  return async (run, take) => {
    const { batchId, projectId, kind } = run;
    const priority = grantedPriority(run.envelope.priority, run.mayBeUrgent);
    const envelope = { ...run.envelope, ...(priority !== undefined && { priority }) };
    const at = new Date();
    let itemCount = 0;
    try {
      const touchedAt = await store.databaseTime();
      const ids = { _id: batchId, projectId, kind, importSeq: 0, itemCount };
      const batch: Batch = { ...ids, ...envelope, state: 'storing', createdAt: at, touchedAt };
      await store.batches.insert(batch);
      const { count, hosts } = await whileTouched(run, () => storeAll(batch, run, take));
      itemCount = count;
      // Not before: lines may have arrived for an hour, and what was accepted meanwhile is the older import.
      const importSeq = await store.batches.nextImportSeq(projectId);
      if (!(await store.batches.markAccepted(batchId, { itemCount, importSeq }))) throw new GivenUp();
      const first = firstPlan(deps.plan, itemCount, hosts);
      await workflows.start({ projectId, batchId, kind, itemCount, first }, priorityOf(envelope));
    } catch (error) {
      if (error instanceof GivenUp) {
        await tryTo('remove the items of an import that was given up', batchId, leave(run));
        throw error;
      }
      // With MongoDB away the client would wait for one time limit after another.
      const isAway = outageOf(error) === 'mongodb';
      const undone = undo(run);
      // The workflow had begun although its start was not confirmed: the import is as durable as any.
      if (!isAway && !(await pTimeout(undone, { milliseconds: UNDO_MS, fallback: () => true }))) return;
      throw error;
    }
    metrics.batchAccepted(kind, itemCount);
    await tryTo('note that the import is started', batchId, store.batches.markStarted(batchId, new Date()));
  };
}

/** The import was removed as half stored while its POST was still storing it. */
class GivenUp extends ApiError {
  constructor() {
    super(503, { import: 'Storing the import was interrupted for too long' }, { 'Retry-After': '5' });
  }
}
