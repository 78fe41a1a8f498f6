import { LRUCache } from 'lru-cache';
import type { Collection, Filter } from 'mongodb';
import type { Batch, BatchState, ShownState } from '../domain/import.js';
import { fromStored, toStored } from './item-documents.js';
import { retryDuplicateKey, isDuplicateKey, withoutDocuments } from './mongo-errors.js';
import type { BatchStore } from './store.js';

export interface CounterDocument {
  readonly _id: string;
  readonly value: number;
}

/** The next number of a named counter, from 1 on: strictly rising over all processes, gaps allowed. */
async function nextValue(counters: Collection<CounterDocument>, name: string): Promise<number> {
  const options = { upsert: true, returnDocument: 'after' as const };
  const counter = await retryDuplicateKey(() =>
    counters.findOneAndUpdate({ _id: name }, { $inc: { value: 1 } }, options),
  );
  if (counter === null) throw new Error(`The counter ${name} was not answered`);
  return counter.value;
}

/** `touchedAt` of a batch that was given up: the oldest date there is, so that every reconciler removes it in its next pass. */
const GIVEN_UP = new Date(0);

/**
 * A gateway renews its lease every 10 s while it ends a batch. One that has missed two renewals is dead, or cut off from the
 * database, and then ends nothing either.
 */
const ENDING_LEASE_MS = 30_000;
/** Holds for batches whose lease lives. `$$NOW` is the clock that the lease is dated by. */
const LEASE_LIVES = { $gt: ['$endingAt', { $subtract: ['$$NOW', ENDING_LEASE_MS] }] };

/** Known to clients, and not at its end. */
const UNFINISHED: BatchState[] = ['accepted', 'started'];
/** What an end leaves in a batch. */
const END = { failure: '', endedRunId: '', endingAt: '', finishedAt: '', counts: '', bytes: '' } as const;
/** What a state that clients see is in the database. A batch that is being stored, or was refused, is in none of them. */
const STORED_STATES: Readonly<Record<ShownState, Filter<Batch>>> = {
  started: { state: { $in: ['accepted', 'started'] }, pausedAt: { $exists: false } },
  paused: { state: { $in: ['accepted', 'started'] }, pausedAt: { $exists: true } },
  success: { state: 'success' },
  failed: { state: 'failed' },
};
const KNOWN: Filter<Batch> = { state: { $in: ['accepted', 'started', 'success', 'failed'] } };

/** Batches whose trouble was noted lately: a host that is down fails a thousand attempts a second, which are one note. */
const MOST_NOTED = 10_000;
const NOTED_MS = 60_000;

/** Batches and the order in which a project's batches were accepted. */
// eslint-disable-next-line max-lines-per-function -- one short method for each operation on a collection
export function createBatchStore(deps: {
  batches: Collection<Batch>;
  counters: Collection<CounterDocument>;
  now: () => Date;
  /** For `touchedAt`, which tells other processes that a batch is still being stored. */
  databaseTime: () => Promise<Date>;
}): BatchStore {
  const { batches, counters, now, databaseTime } = deps;
  const noted = new LRUCache<string, true>({ max: MOST_NOTED, ttl: NOTED_MS });

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
        // The answer to an insert may get lost: the caller that repeats it finds its own batch. Another POST stores under the same id
        // only when the first one has been silent for half a minute.
        const stored = await batches.findOne({ _id: batch._id }, { projection: { projectId: 1, createdAt: 1 } });
        if (stored?.projectId !== batch.projectId || stored.createdAt.getTime() !== batch.createdAt.getTime())
          throw withoutDocuments(error);
      }
    },

    touch: async (batchId) => {
      const touchedAt = await databaseTime();
      await batches.updateOne({ _id: batchId, touchedAt: { $gt: GIVEN_UP } }, { $set: { touchedAt } });
    },

    markAccepted: async (batchId, { itemCount, importSeq }) => {
      const { matchedCount } = await batches.updateOne(
        { _id: batchId, state: 'storing', touchedAt: { $gt: GIVEN_UP } },
        { $set: { state: 'accepted', itemCount, importSeq, touchedAt: await databaseTime() } },
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
      const started = { state: 'started', startedAt: at, checkedAt: at } as const;
      await batches.updateOne({ _id: batchId, state: 'accepted' }, { $set: started });
    },

    refuse: async (batchId) => {
      const given = { $set: { state: 'storing' as const, touchedAt: GIVEN_UP } };
      const refused = await batches.updateOne({ _id: batchId, state: { $in: ['storing', 'accepted'] } }, given);
      return refused.matchedCount === 1 || (await batches.findOne({ _id: batchId })) === null;
    },

    reopen: async (batchId) => {
      await batches.updateOne(
        { _id: batchId, $or: [{ state: 'failed' }, { state: 'started', endingAt: { $exists: true } }] },
        {
          $set: { state: 'started', reopenedAt: now() },
          $inc: { reopened: 1 },
          $unset: END,
        },
      );
    },

    markPaused: async (batchId, since) => {
      const update = since === null ? { $unset: { pausedAt: '' as const } } : { $set: { pausedAt: since } };
      await batches.updateOne({ _id: batchId, state: { $in: UNFINISHED } }, update);
    },

    askCancel: async (batchId) => {
      const { matchedCount } = await batches.updateOne(
        { _id: batchId, state: { $in: UNFINISHED }, cancelAskedAt: { $exists: false } },
        { $set: { cancelAskedAt: await databaseTime() } },
      );
      return matchedCount === 1;
    },

    findToCancel: (before, limit) => {
      const asked = batches.find(
        { cancelAskedAt: { $lt: before }, state: { $in: UNFINISHED } },
        { projection: { projectId: 1 } },
      );
      return asked.sort({ cancelAskedAt: 1 }).limit(limit).toArray();
    },

    reopenForRetry: async ({ _id, finishedAt }, retryStart) => {
      if (finishedAt === undefined) return true;
      const at = now();
      const { matchedCount } = await batches.updateOne(
        // One that a gateway is ending has not told its client yet.
        { _id, finishedAt, endingAt: { $exists: false }, removingSince: { $exists: false } },
        {
          $set: { state: 'started', reopenedAt: at, checkedAt: at, retryStart },
          $inc: { reopened: 1 },
          $unset: END,
        },
      );
      return matchedCount === 1 || (await batches.findOne({ _id, finishedAt: { $exists: false } })) !== null;
    },

    markRetried: async (batchId) => {
      await batches.updateOne({ _id: batchId }, { $set: { reopenedAt: now() } });
    },

    findUnchecked: (before, limit) => {
      const unchecked = batches.find(
        // Written like this it finds those without the field as well: they were started by an earlier release.
        { state: 'started', checkedAt: { $not: { $gte: before } } },
        { projection: { projectId: 1 } },
      );
      return unchecked.sort({ checkedAt: 1 }).limit(limit).toArray();
    },

    markChecked: async (batchIds, at) => {
      await batches.updateMany({ _id: { $in: [...batchIds] }, state: 'started' }, { $set: { checkedAt: at } });
    },

    beginEnd: async (batch, endedRunId) => {
      const { matchedCount } = await batches.updateOne(
        { ...sameRun(batch), state: 'started', $expr: { $not: [LEASE_LIVES] } },
        {
          $currentDate: { endingAt: true },
          ...(endedRunId === undefined ? { $unset: { endedRunId: '' } } : { $set: { endedRunId } }),
        },
      );
      return matchedCount === 1;
    },

    keepEnding: async (batch) => {
      await batches.updateOne({ ...sameRun(batch), endingAt: { $exists: true } }, { $currentDate: { endingAt: true } });
    },

    leaveEnding: async (batch) => {
      await batches.updateOne(sameRun(batch), { $unset: { endingAt: '' } });
    },

    isBeingEnded: async (batchId) => (await batches.findOne({ _id: batchId, $expr: LEASE_LIVES })) !== null,

    findHalfEnded: (limit) => {
      const lapsed = { endingAt: { $exists: true }, $expr: { $not: [LEASE_LIVES] } };
      return batches
        .find(lapsed, { projection: { projectId: 1 } })
        .limit(limit)
        .toArray();
    },

    findRunning: (projectId) => {
      const running = { projectId, state: { $in: UNFINISHED } };
      return batches.find(running, { projection: { _id: 1 } }).toArray();
    },

    find: async (projectId, batchId) => {
      const batch = await batches.findOne({ _id: batchId, projectId });
      return batch && toBatch(batch);
    },

    list: (projectId, { beforeSeq, limit }, { state, ...filter } = {}) => {
      const wanted = { projectId, importSeq: { $lt: beforeSeq }, ...(state ? STORED_STATES[state] : KNOWN), ...filter };
      return batches
        .find(wanted, { projection: { context: 0, webhook: 0 } })
        .sort({ importSeq: -1 })
        .limit(limit)
        .batchSize(limit)
        .toArray();
    },

    markTroubled: async ({ _id, troubled }) => {
      if (troubled === true || noted.has(_id)) return;
      await batches.updateOne({ _id, finishedAt: { $exists: false } }, { $set: { troubled: true } });
      noted.set(_id, true);
    },

    finish: async (projectId, batchId, { at, startedAt, ...end }, leased) => {
      const key = { _id: batchId, projectId };
      const finished = await batches.findOneAndUpdate(
        { ...key, finishedAt: { $exists: false }, ...(leased && sameRun({ ...leased, _id: batchId })) },
        {
          $set: { ...end, finishedAt: at, ...(end.counts.failed > 0 && { troubled: true as const }) },
          $unset: {
            pausedAt: '',
            cancelAskedAt: '',
            retryStart: '',
            ...(end.counts.failed === 0 && { troubled: '' as const }),
            // The holder of the lease gives it back when the client can be told; an end by the workflow leaves nothing to take over.
            ...(leased === undefined && { endingAt: '' as const }),
          },
        },
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
      const cursor = batches.find(finishedBetween(after, before)).sort({ finishedAt: 1, _id: 1 });
      return (await cursor.limit(limit).batchSize(limit).toArray()).map(toBatch);
    },

    beginRemoval: async ({ _id, finishedAt }) => {
      if (finishedAt === undefined) return false;
      const { matchedCount } = await batches.updateOne({ _id, finishedAt }, { $set: { removingSince: now() } });
      return matchedCount === 1;
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

/** The batch as long as no reset has opened it again since it was read. */
function sameRun({ _id, reopened }: Pick<Batch, '_id' | 'reopened'>): Filter<Batch> {
  return { _id, reopened: reopened ?? { $exists: false } };
}

function toBatch(stored: Batch): Batch {
  const { context, ...rest } = stored;
  return { ...rest, ...(context !== undefined && { context: fromStored(context) }) };
}
