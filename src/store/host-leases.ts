import type { Collection } from 'mongodb';
import type { HostLeaseStore } from '../contract/hosts.js';

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
