import type { Collection, Filter } from 'mongodb';
import type { Batch, BatchState } from '../contract/batch.js';
import type { BatchStore } from '../contract/store.js';
import { nextValue, type CounterDocument } from './counters.js';
import { isDuplicateKey, withoutDocuments } from './database-error.js';
import { fromStored, toStored } from './stored-json.js';

/** `touchedAt` of a batch that was given up: the oldest date there is, so that every reconciler removes it in its next pass. */
const GIVEN_UP = new Date(0);

/** Batches and the order in which a project's batches were accepted. */
export function createBatchStore(deps: {
  batches: Collection<Batch>;
  counters: Collection<CounterDocument>;
  now: () => Date;
  /** For `touchedAt`, which tells other processes that a batch is still being stored. */
  databaseTime: () => Promise<Date>;
}): BatchStore {
  const { batches, counters, now, databaseTime } = deps;

  const oldestIn = async (state: BatchState, before: Date, limit: number) => {
    const cursor = batches.find({ state, touchedAt: { $lt: before } }).sort({ touchedAt: 1 });
    return (await cursor.limit(limit).batchSize(limit).toArray()).map(toBatch);
  };

  return {
    nextImportSeq: (projectId) => nextValue(counters, `importSeq:${projectId}`),

    insert: async (batch) => {
      const { context, ...rest } = batch;
      try {
        await batches.insertOne({ ...rest, ...(context !== undefined && { context: toStored(context) }) });
      } catch (error) {
        if (!isDuplicateKey(error)) throw error;
        // The answer to an insert may get lost: the caller that repeats it finds its own batch.
        const stored = await batches.findOne({ _id: batch._id }, { projection: { projectId: 1, importSeq: 1 } });
        if (stored?.projectId !== batch.projectId || stored.importSeq !== batch.importSeq)
          throw withoutDocuments(error);
      }
    },

    touch: async (batchId) => {
      const touchedAt = await databaseTime();
      await batches.updateOne({ _id: batchId, touchedAt: { $gt: GIVEN_UP } }, { $set: { touchedAt } });
    },

    markAccepted: async (batchId, itemCount) => {
      const { matchedCount } = await batches.updateOne(
        { _id: batchId, state: 'storing', touchedAt: { $gt: GIVEN_UP } },
        { $set: { state: 'accepted', itemCount, touchedAt: await databaseTime() } },
      );
      return matchedCount === 1;
    },

    giveUp: async ({ _id, touchedAt }) => {
      const { matchedCount } = await batches.updateOne(
        { _id, state: 'storing', touchedAt },
        { $set: { touchedAt: GIVEN_UP } },
      );
      return matchedCount === 1;
    },

    markStarted: async (batchId, at) => {
      await batches.updateOne({ _id: batchId, state: 'accepted' }, { $set: { state: 'started', startedAt: at } });
    },

    refuse: async (batchId) => {
      const given = { $set: { state: 'storing' as const, touchedAt: GIVEN_UP } };
      const refused = await batches.updateOne({ _id: batchId, state: { $in: ['storing', 'accepted'] } }, given);
      return refused.matchedCount === 1 || (await batches.findOne({ _id: batchId })) === null;
    },

    reopen: async (batchId) => {
      await batches.updateOne(
        { _id: batchId, state: 'failed' },
        {
          $set: { state: 'started', reopenedAt: now() },
          $inc: { reopened: 1 },
          $unset: { failure: '', endedRunId: '', finishedAt: '', counts: '', bytes: '' },
        },
      );
    },

    findRunning: (projectId) => {
      const running = { projectId, state: { $in: ['accepted', 'started'] as BatchState[] } };
      return batches.find(running, { projection: { _id: 1 } }).toArray();
    },

    find: async (projectId, batchId) => {
      const batch = await batches.findOne({ _id: batchId, projectId });
      return batch && toBatch(batch);
    },

    finish: async (projectId, batchId, { at, startedAt, ...end }) => {
      const key = { _id: batchId, projectId };
      const finished = await batches.findOneAndUpdate(
        { ...key, finishedAt: { $exists: false } },
        { $set: { ...end, finishedAt: at } },
        { returnDocument: 'after' },
      );
      const batch = finished ?? (await batches.findOne(key));
      if (batch === null) return null;
      if (startedAt === undefined || batch.startedAt !== undefined) return toBatch(batch);
      // The import was faster than the gateway that started it.
      await batches.updateOne({ ...key, startedAt: { $exists: false } }, { $set: { startedAt } });
      return toBatch({ ...batch, startedAt });
    },

    findUnstarted: (before, limit) => oldestIn('accepted', before, limit),

    findHalfStored: (before, limit) => oldestIn('storing', before, limit),

    findFinished: async (before, limit, after) => {
      // The stand-in server uses no index for a range: it reads every batch, and sorts those that match.
      const cursor = batches.find(finishedBetween(after, before)).sort({ finishedAt: 1, _id: 1 });
      return (await cursor.limit(limit).batchSize(limit).toArray()).map(toBatch);
    },

    remove: async (batchId) => {
      await batches.deleteOne({ _id: batchId });
    },
  };
}

/** A range of the index (finishedAt, _id), of whose first moment only the batches behind `after` count. */
function finishedBetween(after: Pick<Batch, '_id' | 'finishedAt'> | undefined, before: Date): Filter<Batch> {
  if (after?.finishedAt === undefined) return { finishedAt: { $lt: before } };
  const { _id, finishedAt } = after;
  return {
    finishedAt: { $gte: finishedAt, $lt: before },
    $or: [{ finishedAt: { $gt: finishedAt } }, { _id: { $gt: _id } }],
  };
}

function toBatch(stored: Batch): Batch {
  const { context, ...rest } = stored;
  return { ...rest, ...(context !== undefined && { context: fromStored(context) }) };
}
