import { Mutex } from 'async-mutex';
import { LRUCache } from 'lru-cache';
import type { ItemResult } from '../contract/activity-types.js';
import type { Batch } from '../contract/batch.js';
import { REASONS } from '../contract/errors.js';
import type { Item } from '../contract/item.js';
import type { Store } from '../contract/store.js';
import type { Logger } from '../telemetry/logger.js';
import type { WorkerMetrics } from '../telemetry/worker-metrics.js';

/**
 * Deaths of a process amid attempts at one item, after which the item is given up. The first one is shared with all that ran beside
 * it; of the others, each attempt was the only one of a suspect item in its process.
 */
const MOST_DEATHS = 3;
/** What ends a process does so soon, and a long download must not keep other suspects waiting for hours. */
const ALONE_MS = 60_000;
/** Items whose attempt failed without a death, and whose mark could not be taken off because the database was away. */
const MOST_SURVIVORS = 10_000;

interface SuspectDeps {
  readonly store: { readonly items: Pick<Store['items'], 'markBegun' | 'clearBegun' | 'settle'> };
  readonly metrics: Pick<WorkerMetrics, 'itemSettled'>;
  readonly logger: Logger;
}

/**
 * Attempts at items whose last attempt did not end, because its worker died or lost its database. An item that ends one process after
 * the other must not take all others with it: it is marked in the database while it is tried, tried apart from other suspects when a
 * mark was left behind, and failed when it has outlived too many processes.
 */
export interface Suspects {
  /** @throws whatever the work throws */
  tryAgain(batch: Batch, item: Item, work: () => Promise<ItemResult>): Promise<ItemResult>;
}

export function createSuspects({ store, metrics, logger }: SuspectDeps): Suspects {
  const alone = new Mutex();
  const survivors = new LRUCache<string, true>({ max: MOST_SURVIVORS });

  const giveUp = async (batch: Batch, { _id, batchId, seq }: Item): Promise<ItemResult> => {
    const { title: reason } = REASONS.worker_crashed;
    const isOurs = await store.items.settle({ batchId, seq, state: 'failed', code: 'worker_crashed', reason });
    if (isOurs) metrics.itemSettled(batch.kind, 'failed', 'worker_crashed', 0);
    logger.error({ batchId, seq, item: _id }, 'gave up an item that ended one worker after the other');
    return { state: 'failed', bytes: 0 };
  };

  return {
    async tryAgain(batch, item, work) {
      const { _id, batchId, seq } = item;
      const deaths = survivors.delete(_id) ? 0 : (item.interrupted ?? 0);
      if (deaths >= MOST_DEATHS) return giveUp(batch, item);
      if (deaths > 0)
        logger.warn({ batchId, seq, deaths }, 'trying an item apart from others, because workers died amid it');
      const release = deaths > 0 ? await alone.acquire() : () => undefined;
      const timer = setTimeout(release, ALONE_MS);
      try {
        await store.items.markBegun(batchId, seq, deaths + 1);
        return await work();
      } finally {
        clearTimeout(timer);
        // This process is alive, however the attempt ended.
        await store.items.clearBegun(batchId, seq).catch(() => survivors.set(_id, true));
        release();
      }
    },
  };
}
