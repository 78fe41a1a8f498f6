import type { Collection, Filter, UpdateFilter } from 'mongodb';
import { cappedReason, itemKey, type Item, type ItemSpec } from '../domain/item.js';
import { createGroupCommit, createKeyedReader } from './batching.js';
import {
  createTokens,
  newStoredItem,
  openItem,
  settlementUpdate,
  toItem,
  WITHOUT_TOKEN,
  type StoredItem,
} from './item-documents.js';
import { allFailureGroups, failureGroups, openGroups, type FailureSummary } from './failure-groups.js';
import { countWindows, inWindow, itemTotals, listItems, streamItems } from './item-queries.js';
import { isDuplicateKeyWrite, partialBulk, withoutDocuments } from './mongo-errors.js';
import type { SecretBox } from './secret-box.js';
import type { OnChunk, ItemStore } from './store.js';

/**
 * Removes all items of a batch, window by window, the last ones first (`countWindows` relies on it). The next removal of
 * the batch completes one that died; two at once do no harm.
 */
async function removeItems(items: Collection<StoredItem>, batchId: string, onChunk?: OnChunk): Promise<void> {
  for (let window = (await countWindows(items, batchId)) - 1; window >= 0; window -= 1) {
    const { deletedCount } = await items.deleteMany(inWindow(batchId, window));
    onChunk?.(deletedCount);
  }
}

/** Updates those items of a batch that match, window by window. A repetition of one that died finds the rest. */
async function updateItems(
  items: Collection<StoredItem>,
  batchId: string,
  matching: Filter<StoredItem>,
  update: UpdateFilter<StoredItem>,
  onChunk?: OnChunk,
): Promise<void> {
  const windows = await countWindows(items, batchId);
  for (let window = 0; window < windows; window += 1) {
    const { modifiedCount } = await items.updateMany({ ...inWindow(batchId, window), ...matching }, update);
    onChunk?.(modifiedCount);
  }
}

/** Items with long URLs are about 2 KiB: a chunk stays far below the 48 MB that one command may hold. */
const INSERT_CHUNK = 1_000;

/** The items of all batches. Their `_id` orders them as the requests did. */
// eslint-disable-next-line max-lines-per-function -- one short method for each operation on a collection
export function createItemStore(deps: {
  items: Collection<StoredItem>;
  failures: Collection<FailureSummary>;
  /** Opens the request headers of items. */
  box: SecretBox;
  now: () => Date;
}): ItemStore {
  const { items, failures, box, now } = deps;
  const commit = createGroupCommit(items);
  const readItem = createKeyedReader<StoredItem, StoredItem>(items, WITHOUT_TOKEN);
  const readToken = createKeyedReader<StoredItem, Pick<StoredItem, '_id' | 'settledBy'>>(items, { settledBy: 1 });
  const nextToken = createTokens();

  const insertChunk = async (batch: { _id: string; projectId: string }, specs: readonly ItemSpec[]) => {
    const at = now();
    try {
      await items.insertMany(
        specs.map((spec) => newStoredItem(batch, spec, at)),
        { ordered: false },
      );
    } catch (error) {
      const refused = partialBulk(error)?.refused.values();
      // A repeated chunk finds the items that its first try had stored.
      if (refused === undefined || ![...refused].every(isDuplicateKeyWrite)) throw withoutDocuments(error);
    }
  };

  return {
    insertMany: async (batch, specs) => {
      for (let from = 0; from < specs.length; from += INSERT_CHUNK) {
        await insertChunk(batch, specs.slice(from, from + INSERT_CHUNK));
      }
    },

    removeAll: async (batchId, onChunk) => {
      await failures.deleteOne({ _id: batchId });
      await removeItems(items, batchId, onChunk);
    },

    externalIds: async (batchId, seqs) => {
      const found = await items
        .find({ _id: { $in: seqs.map((seq) => itemKey(batchId, seq)) } })
        .batchSize(seqs.length + 1)
        .project<Pick<Item, 'seq' | 'externalId'>>({ _id: 0, seq: 1, externalId: 1 })
        .toArray();
      return new Map(found.map(({ seq, externalId }) => [seq, externalId]));
    },

    find: async (batchId, seq) => {
      const item = await readItem(itemKey(batchId, seq));
      return item && toItem(item, box);
    },

    openInRange: async (batchId, fromSeq, toSeq, at) => {
      const keys = { $gte: itemKey(batchId, fromSeq), $lte: itemKey(batchId, toSeq) };
      // A page is read by its keys alone, the fastest way on any server, and most of its items are open. 50 items with a megabyte of
      // metadata each would take a worker's memory; they are read one by one, as they are tried.
      const batchSize = toSeq - fromSeq + 1;
      const [small, large] = await Promise.all([
        items.find({ _id: keys, isLarge: { $exists: false } }, { projection: WITHOUT_TOKEN, batchSize }).toArray(),
        items
          .find({ _id: keys, isLarge: true }, { projection: { ...WITHOUT_TOKEN, metadata: 0 }, batchSize })
          .toArray(),
      ]);
      const page = [...small, ...large.map((item) => ({ ...item, metadata: {} }))].filter((item) => maySweep(item, at));
      return page.sort((a, b) => a.seq - b.seq).map((item) => toItem(item, box));
    },

    openFrom: (batchId, fromSeq, limit, beforeSeq) =>
      items
        .find({ batchId, state: 'open', seq: { $gte: fromSeq, ...(beforeSeq !== undefined && { $lt: beforeSeq }) } })
        .sort({ seq: 1 })
        .limit(limit)
        .batchSize(limit)
        .project<Pick<Item, 'seq' | 'host' | 'solo' | 'nextAttemptAt'>>({
          _id: 0,
          seq: 1,
          host: 1,
          solo: 1,
          nextAttemptAt: 1,
        })
        .toArray(),

    settle: async (settlement) => {
      const { batchId, seq } = settlement;
      const token = nextToken();
      const outcome = await commit({
        filter: openItem(batchId, seq),
        update: settlementUpdate(settlement, token, now()),
      });
      if (outcome === 'applied') return true;
      const item = await readToken(itemKey(batchId, seq));
      return item?.settledBy === token;
    },

    recordAttempt: async (batchId, seq, attempt, reason, nextAttemptAt) => {
      const { code } = attempt;
      await commit({
        // The same attempt told again, because the first answer got lost, does not count twice.
        filter: { ...openItem(batchId, seq), 'lastAttempt.at': { $ne: attempt.at } },
        update: {
          $inc: { attempts: 1 },
          $set: {
            lastAttempt: attempt,
            reason: cappedReason(reason),
            nextAttemptAt,
            updatedAt: now(),
            ...(code && { code }),
          },
        },
      });
    },

    markBegun: async (batchId, seq, count) => {
      await items.updateOne(openItem(batchId, seq), { $set: { interrupted: count } });
    },

    clearBegun: async (batchId, seq) => {
      await items.updateOne({ _id: itemKey(batchId, seq) }, { $unset: { interrupted: '' } });
    },

    markSolo: async (batchId, seq) => {
      await commit({ filter: openItem(batchId, seq), update: { $set: { solo: true, updatedAt: now() } } });
    },

    settleOpen: async (batchId, code, reason, onChunk) => {
      const ended = { state: 'failed' as const, code, reason, updatedAt: now() };
      await updateItems(
        items,
        batchId,
        { state: 'open' },
        { $set: ended, $unset: { nextAttemptAt: '', sealedHeaders: '' } },
        onChunk,
      );
    },

    openGroups: (batchIds) => openGroups(items, batchIds),

    reopen: async (batchId, code, onChunk) => {
      await updateItems(
        items,
        batchId,
        { state: 'failed', code },
        { $set: { state: 'open', updatedAt: now() }, $unset: { code: '', reason: '', settledBy: '' } },
        onChunk,
      );
    },

    totals: (batchId, onChunk) => itemTotals(items, batchId, onChunk),

    list: (batchId, page, filter) => listItems(items, batchId, page, filter),

    stream: (batchId) => streamItems(items, batchId),

    failureGroups: async (batchId, ended) => {
      const summary = ended && (await failures.findOne({ _id: batchId }));
      // Earlier releases have made no summaries.
      return summary?.groups ?? failureGroups(items, batchId);
    },

    summarizeFailures: async (batchId, onChunk) => {
      const groups = await allFailureGroups(items, batchId, onChunk);
      await failures.replaceOne({ _id: batchId }, { groups }, { upsert: true });
    },
  };
}

function maySweep({ state, solo, nextAttemptAt }: StoredItem, at: Date): boolean {
  return state === 'open' && solo !== true && (nextAttemptAt === undefined || nextAttemptAt <= at);
}
