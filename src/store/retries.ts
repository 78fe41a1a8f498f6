import type { AnyBulkWriteOperation, Collection, Filter } from 'mongodb';
import { mediaIdOf } from '../domain/ids.js';
import type { Batch } from '../domain/import.js';
import { itemKey } from '../domain/item.js';
import type { FailedItem, ItemChange, Retry, RetryRef, RetrySelector, RetryStore } from '../domain/retry.js';
import type { CounterDocument } from './imports.js';
import { withoutDocuments } from './mongo-errors.js';
import type { StoredItem } from './item-documents.js';
import type { StoredMedia } from './media-queries.js';
import type { SecretBox } from './secret-box.js';

/** A document of the `retries` collection. */
export interface RetryDocument extends Omit<Retry, 'changes' | 'selector'> {
  /** `<batchId>:<number>`. */
  readonly _id: string;
  readonly at: Date;
  /** There until it was performed or withdrawn, as are selector and changes. */
  readonly pendingSince?: Date;
  readonly selector?: RetrySelector;
  readonly changes?: readonly StoredChange[];
}

interface StoredChange extends Omit<ItemChange, 'headers'> {
  readonly sealedHeaders?: string;
}

/** Items of a chunk: their documents and media are looked up by one command each, in some ten milliseconds. */
const CHUNK = 1_000;

/** What every item loses that is opened again. */
const LEFT_OVER = { code: '', reason: '', settledBy: '', nextAttemptAt: '', interrupted: '' } as const;

const READ = { seq: 1, externalId: 1, host: 1, attempts: 1, code: 1, reason: 1, url: 1 } as const;

/** Retries, and the items that they open again. */
// eslint-disable-next-line max-lines-per-function -- one short method for each operation on a collection
export function createRetryStore(deps: {
  retries: Collection<RetryDocument>;
  batches: Collection<Batch>;
  items: Collection<StoredItem>;
  media: Collection<StoredMedia>;
  counters: Collection<CounterDocument>;
  box: SecretBox;
  now: () => Date;
  databaseTime: () => Promise<Date>;
}): RetryStore {
  const { retries, batches, items, media, counters, box, now, databaseTime } = deps;

  /** Those of the items whose media a newer import has written since. */
  const supersededOf = async (
    { projectId, systemName, importSeq }: Parameters<RetryStore['match']>[0],
    found: readonly FailedItem[],
  ): Promise<ReadonlySet<number>> => {
    const latest = await counters.findOne({ _id: `importSeq:${projectId}` });
    // Hardly ever is there nothing newer, but then no media has to be looked up.
    if (found.length === 0 || latest === null || latest.value <= importSeq) return new Set();
    const seqs = new Map(found.map(({ seq, externalId }) => [mediaIdOf(projectId, systemName, externalId), seq]));
    const newer = await media
      .find({ _id: { $in: [...seqs.keys()] }, importSeq: { $gt: importSeq } }, { projection: { _id: 1 } })
      .toArray();
    return new Set(newer.flatMap(({ _id }) => seqs.get(_id) ?? []));
  };

  return {
    match: async (batch, { selector, changes }, fromSeq, before) => {
      const found = await items
        .find(failedFrom(batch._id, selector, fromSeq, before), { projection: READ })
        .sort({ seq: 1 })
        .limit(CHUNK)
        .toArray();
      const superseded = await supersededOf(batch, found);
      const renewed = new Set(changes.flatMap(({ seq, source }) => (source === undefined ? [] : [seq])));
      const chunk = { eligible: [] as FailedItem[], notEligible: [] as { why: 'superseded'; item: FailedItem }[] };
      const gone: { why: 'source_removed'; item: FailedItem }[] = [];
      for (const { url, seq, externalId, host, attempts, code, reason } of found) {
        const shown = { ...(code !== undefined && { code }), ...(reason !== undefined && { reason }) };
        const item = { seq, externalId, host, attempts, ...shown };
        if (superseded.has(seq)) chunk.notEligible.push({ why: 'superseded', item });
        else if (typeof url !== 'string' && !renewed.has(seq)) gone.push({ why: 'source_removed', item });
        else chunk.eligible.push(item);
      }
      const last = found.length < CHUNK ? undefined : found.at(-1);
      const notEligible = [...chunk.notEligible, ...gone];
      return { eligible: chunk.eligible, notEligible, nextSeq: last === undefined ? null : last.seq + 1 };
    },

    nextNumber: async (batchId) => {
      const options = { returnDocument: 'after' as const, projection: { retries: 1 } };
      const batch = await batches.findOneAndUpdate({ _id: batchId }, { $inc: { retries: 1 } }, options);
      if (batch?.retries === undefined) throw new Error('The import of the retry does not exist');
      return batch.retries;
    },

    record: async ({ changes, ...retry }) => {
      const at = await databaseTime();
      await retries.insertOne({
        _id: idOf(retry),
        ...retry,
        at,
        pendingSince: at,
        changes: changes.map(({ headers, ...change }) => ({
          ...change,
          ...(headers !== undefined && { sealedHeaders: box.seal(headers, itemKey(retry.batchId, change.seq)) }),
        })),
      });
    },

    findByAction: (batchId, actionId) =>
      retries.findOne({ ...ofBatch(batchId), actionId }, { projection: { _id: 0, number: 1, matched: 1 } }),

    findPending: async (ref) => {
      const found = await retries.findOne({ _id: idOf(ref), pendingSince: { $exists: true } });
      if (found === null) return null;
      const { projectId, batchId, number, selector = {}, changes = [], actionId, matched } = found;
      // Sealed headers are copied as they are: their place is the item.
      return { projectId, batchId, number, selector, changes, actionId, matched };
    },

    listPending: (before, limit) =>
      retries
        .find({ pendingSince: { $lt: before } }, { projection: { _id: 0, projectId: 1, batchId: 1, number: 1 } })
        .sort({ pendingSince: 1 })
        .limit(limit)
        .toArray(),

    reopenItems: async ({ batchId, number, changes }, failed) => {
      if (failed.length === 0) return 0;
      const changeOf = new Map(changes.map((change) => [change.seq, change]));
      const at = now();
      const writes = failed.map(({ seq, attempts }): AnyBulkWriteOperation<StoredItem> => ({
        updateOne: {
          filter: { _id: itemKey(batchId, seq), state: 'failed', ...notYet(number) },
          update: reopening(changeOf.get(seq), { number, attempts, at }),
        },
      }));
      try {
        return (await items.bulkWrite(writes, { ordered: false })).modifiedCount;
      } catch (error) {
        throw withoutDocuments(error);
      }
    },

    complete: async (ref) => {
      await retries.updateOne({ _id: idOf(ref) }, { $unset: { pendingSince: '', selector: '', changes: '' } });
    },

    withdrawPending: async (batchId) => {
      await retries.updateMany(
        { ...ofBatch(batchId), pendingSince: { $exists: true } },
        { $unset: { pendingSince: '', selector: '', changes: '' } },
      );
    },

    removeAll: async (batchId) => {
      await retries.deleteMany(ofBatch(batchId));
    },
  };
}

/** Failed items in request order, along the index (batchId, state, seq). */
function failedFrom(
  batchId: string,
  { codes, hosts, externalIds, seqs }: RetrySelector,
  fromSeq: number,
  before?: number,
): Filter<StoredItem> {
  return {
    batchId,
    state: 'failed',
    seq: { $gte: fromSeq, ...(seqs !== undefined && { $in: [...seqs] }) },
    ...(codes !== undefined && { code: { $in: [...codes] as FailedItem['code'][] } }),
    ...(hosts !== undefined && { host: { $in: [...hosts] } }),
    ...(externalIds !== undefined && { externalId: { $in: [...externalIds] } }),
    ...(before !== undefined && notYet(before)),
  };
}

/** Not opened by this retry, or a later one. */
function notYet(number: number): Filter<StoredItem> {
  return { retried: { $not: { $gte: number } } };
}

function reopening(
  change: StoredChange | undefined,
  { number, attempts, at }: { readonly number: number; readonly attempts: number; readonly at: Date },
) {
  const { source, sealedHeaders } = change ?? {};
  // Whether a body is long is known of its URL only.
  const renewed = source === undefined ? {} : { ...source, urlOfRetry: number };
  const opened = { state: 'open' as const, attemptsBefore: attempts, retried: number, updatedAt: at };
  const gone = { ...LEFT_OVER, ...(source !== undefined && { solo: '' as const }) };
  return {
    $set: { ...opened, ...renewed, ...(sealedHeaders !== undefined && { sealedHeaders }) },
    $unset: { ...gone, ...(sealedHeaders === undefined && { sealedHeaders: '' as const }) },
  };
}

/** The retries of a batch, as a range of their keys. */
function ofBatch(batchId: string): Filter<RetryDocument> {
  return { _id: { $gte: `${batchId}:`, $lt: `${batchId};` } };
}

function idOf({ batchId, number }: Pick<RetryRef, 'batchId' | 'number'>): string {
  return `${batchId}:${number}`;
}
