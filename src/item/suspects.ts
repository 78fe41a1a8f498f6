import { Mutex } from 'async-mutex';
import { LRUCache } from 'lru-cache';
import type { ItemResult } from '../temporal/activity-api.js';
import type { Batch } from '../domain/import.js';
import { REASONS } from '../domain/errors.js';
import type { Item } from '../domain/item.js';
import type { Store } from '../store/store.js';
import { settleFailed, type SettleDeps } from './settle.js';

/**
 * Deaths of a process while it handled the answer for one item, after which the item is given up. The first one is shared with all
 * answers that were handled at the same time; after that, each attempt was the only one of a suspect item in its process.
 */
const MOST_DEATHS = 3;
/** What ends a process does so soon, and a long download must not keep other suspects waiting for hours. */
const ALONE_MS = 60_000;
/** Items whose attempt failed without a death, and whose mark could not be removed because the database was away. */
const MOST_SURVIVORS = 10_000;

interface SuspectDeps extends SettleDeps {
  readonly store: { readonly items: Pick<Store['items'], 'markBegun' | 'clearBegun' | 'settle'> };
}

/** An attempt at an item. It calls `onAnswered` when its source has answered, before it reads the body. */
type Work<T> = (onAnswered: () => Promise<void>) => Promise<T>;

/**
 * Finds the items that end the processes that try them. Once an activity did not come to its end, its items are marked in the database
 * while their answers are handled: a mark that is left behind makes its item a suspect. An item that waits for a silent source is not
 * marked, because waiting ends no process, and workers may be killed for other reasons as often as they like.
 */
export interface Suspects {
  isSuspect(item: Item): boolean;
  /** Marks the item from the answer of its source to the end of the attempt. @throws whatever the work throws */
  readonly watch: <T>(item: Item, work: Work<T>) => Promise<T>;
  /**
   * The same for a single item. A suspect is tried apart from other suspects, and fails as `worker_crashed` after `MOST_DEATHS`.
   * @throws whatever the work throws
   */
  tryAgain(batch: Batch, item: Item, work: Work<ItemResult>): Promise<ItemResult>;
}

export function createSuspects(deps: SuspectDeps): Suspects {
  const { store, logger } = deps;
  const alone = new Mutex();
  const survivors = new LRUCache<string, true>({ max: MOST_SURVIVORS });

  const deathsOf = ({ _id, interrupted = 0 }: Item): number => (survivors.has(_id) ? 0 : interrupted);

  const giveUp = async (batch: Batch, item: Item): Promise<ItemResult> => {
    const { _id, batchId, seq } = item;
    await settleFailed(deps, batch, item, { code: 'worker_crashed', reason: REASONS.worker_crashed.title });
    // If the item is opened again, it is no suspect: whatever it met may be fixed by then.
    await store.items.clearBegun(batchId, seq);
    logger.error({ batchId, seq, item: _id }, 'gave up an item that ended one worker after the other');
    return { state: 'failed', bytes: 0 };
  };

  const watch = async <T>(item: Item, work: Work<T>): Promise<T> => {
    const { _id, batchId, seq } = item;
    const deaths = deathsOf(item);
    let isMarked = deaths > 0;
    try {
      return await work(async () => {
        isMarked = true;
        await store.items.markBegun(batchId, seq, deaths + 1);
        survivors.delete(_id);
      });
    } finally {
      // This process is alive, however the attempt ended.
      if (isMarked) await store.items.clearBegun(batchId, seq).catch(() => survivors.set(_id, true));
    }
  };

  return {
    isSuspect: (item) => deathsOf(item) > 0,
    watch,
    async tryAgain(batch, item, work) {
      const { batchId, seq } = item;
      const deaths = deathsOf(item);
      if (deaths === 0) return watch(item, work);
      if (deaths >= MOST_DEATHS) return giveUp(batch, item);
      logger.warn({ batchId, seq, deaths }, 'trying an item apart from others, because workers died while handling it');
      const release = await alone.acquire();
      const timer = setTimeout(release, ALONE_MS);
      try {
        return await watch(item, work);
      } finally {
        clearTimeout(timer);
        release();
      }
    },
  };
}
