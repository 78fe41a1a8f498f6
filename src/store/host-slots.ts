import type { Collection, AnyBulkWriteOperation } from 'mongodb';
import type { HostCircuit, HostRecord, HostLeaseStore, HostSlotStore } from '../domain/host.js';
import { createGatherer, createGroupCommit } from './batching.js';
import { isDuplicateKeyWrite, partialBulk, refusal, withoutDocuments } from './mongo-errors.js';

/** A document of the `hosts` collection, one a host. Made by the first worker that takes a slot. */
export interface HostDocument {
  readonly _id: string;
  readonly total: number;
  readonly held?: Readonly<Record<string, number>>;
  readonly wanting?: Readonly<Record<string, Date>>;
  readonly restingUntil?: Date;
  /** Absent when there are none. */
  readonly circuits?: readonly HostCircuit[];
  /** Counts the changes of `circuits`, so that each is made to what was read. */
  readonly revision?: number;
  /** When anything was taken, reported or put off last. */
  readonly touchedAt: Date;
}

export function toHostRecord(document: HostDocument): HostRecord {
  const { _id: host, total, held = {}, wanting = {}, restingUntil, circuits = [] } = document;
  return { host, total, held, wanting, circuits, ...(restingUntil && { restingUntil }) };
}

/** A document of the `workers` collection: a worker, for as long as it keeps its lease. */
export interface LeaseDocument {
  readonly _id: string;
  /** By the clock of the database. */
  readonly renewedAt: Date;
}

const RENEWAL = { $currentDate: { renewedAt: true } } as const;

export function createHostLeaseStore(workers: Collection<LeaseDocument>): HostLeaseStore {
  return {
    open: async (lease) => {
      const opened = await workers.findOneAndUpdate({ _id: lease }, RENEWAL, { upsert: true, returnDocument: 'after' });
      if (opened === null) throw new Error('The database answered an upsert without its document');
      return opened.renewedAt;
    },

    renew: async (lease) => {
      const renewed = await workers.findOneAndUpdate({ _id: lease }, RENEWAL, { returnDocument: 'after' });
      return renewed?.renewedAt ?? null;
    },

    close: async (lease) => {
      await workers.deleteOne({ _id: lease });
    },

    endStale: async (leases, before) => {
      const named = { _id: { $in: [...leases] } };
      // In this order: a lease that is renewed in between stays, and one that is ended cannot be renewed.
      await workers.deleteMany({ ...named, renewedAt: { $lt: before } });
      // What a majority has taken up to here: the removal waited for one, so that no older state can be read.
      const options = { projection: { _id: 1 }, batchSize: leases.length + 1 };
      const left = new Set((await workers.find(named, options).toArray()).map(({ _id }) => _id));
      return leases.filter((lease) => !left.has(lease));
    },
  };
}

/** As many as a group commit writes at once. */
const MAX_TAKES = 500;

type Take = AnyBulkWriteOperation<HostDocument>;

/**
 * Slots of hosts. A take is an upsert whose filter says that there is room: where there is none, the insert of a second document
 * with the key of the host is refused. So each take of a bulk has an answer of its own, which counts of matches would not give.
 */
export function createHostSlotStore(deps: { hosts: Collection<HostDocument>; now: () => Date }): HostSlotStore {
  const { hosts, now } = deps;
  const commit = createGroupCommit(hosts);
  const take = createGatherer(MAX_TAKES, (takes: readonly Take[]) => takeAll(hosts, takes));

  return {
    take: (lease, host, count, limit, only) => {
      // The insert of a first document would ask for no room.
      if (count > limit) return Promise.resolve(false);
      const well = { circuits: { $exists: false }, restingUntil: { $exists: false } };
      const filter = { _id: host, total: { $lte: limit - count }, ...(only === 'well' && well) };
      const update = { $inc: { total: count, [`held.${lease}`]: count }, $set: { touchedAt: now() } };
      return take({ updateOne: { filter, update, upsert: true } });
    },

    give: async (lease, host, count, held) => {
      // The only other change is that all of them are reclaimed: then there is nothing to give.
      const filter = { _id: host, [`held.${lease}`]: held };
      const isLast = count === held;
      const update = isLast
        ? { $inc: { total: -count }, $unset: { [`held.${lease}`]: '' as const, [`wanting.${lease}`]: '' as const } }
        : { $inc: { total: -count, [`held.${lease}`]: -count } };
      await commit({ filter, update });
    },

    want: async (lease, host) => {
      await commit({ filter: { _id: host }, update: { $currentDate: { [`wanting.${lease}`]: true } } });
    },

    reclaim: async (lease, host, held) => {
      const filter = { _id: host, [`held.${lease}`]: held };
      const none = { [`held.${lease}`]: '' as const, [`wanting.${lease}`]: '' as const };
      await hosts.updateOne(filter, { $inc: { total: -held }, $unset: none });
    },
  };
}

async function takeAll(
  hosts: Collection<HostDocument>,
  takes: readonly Take[],
): Promise<PromiseSettledResult<boolean>[]> {
  try {
    await hosts.bulkWrite(takes, { ordered: false });
    return takes.map(() => ({ status: 'fulfilled', value: true }));
  } catch (error) {
    const refused = partialBulk(error)?.refused;
    if (refused === undefined) throw withoutDocuments(error);
    return takes.map((_take, index) => {
      const reason = refused.get(index);
      if (reason === undefined) return { status: 'fulfilled', value: true };
      if (isDuplicateKeyWrite(reason)) return { status: 'fulfilled', value: false };
      return { status: 'rejected', reason: refusal(reason) };
    });
  }
}
