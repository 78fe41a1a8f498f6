import type { Collection, Filter, Db } from 'mongodb';
import { RateLimiterMongo, RateLimiterRes } from 'rate-limiter-flexible';
import { LEASE_MS, type HostCircuit, type HostRecord, type HostStore, type HostRate } from '../domain/host.js';
import { createKeyedReader } from './batching.js';
import {
  toHostRecord,
  createHostLeaseStore,
  createHostSlotStore,
  type HostDocument,
  type LeaseDocument,
} from './host-slots.js';
import { isDuplicateKey } from './mongo-errors.js';

/** Names of hosts in one query: at most 253 bytes each, so a quarter of a megabyte. */
const MAX_NAMES = 1_000;
/** Hosts whose dead holders are seen to by one call of `forget`. */
const MAX_HELD = 1_000;

/** What all workers know of the hosts that items are fetched from. */
export function createHostStore(deps: {
  hosts: Collection<HostDocument>;
  workers: Collection<LeaseDocument>;
  now: () => Date;
  /** The clock of the database, which leases go by. */
  databaseTime: () => Promise<Date>;
}): HostStore {
  const { hosts, workers, now, databaseTime } = deps;
  const read = createKeyedReader(hosts);
  const slots = createHostSlotStore({ hosts, now });
  const leases = createHostLeaseStore(workers);

  const findIn = async (names: readonly string[], filter: Filter<HostDocument>): Promise<HostRecord[]> => {
    const found: HostRecord[] = [];
    for (let from = 0; from < names.length; from += MAX_NAMES) {
      const some = { ...filter, _id: { $in: names.slice(from, from + MAX_NAMES) } };
      for await (const document of hosts.find(some, { batchSize: MAX_NAMES + 1 })) found.push(toHostRecord(document));
    }
    return found;
  };

  /** Answers false when another worker has changed it since. */
  const replace = async (host: string, revision: number | undefined, circuits: readonly HostCircuit[]) => {
    const filter = { _id: host, revision: revision ?? { $exists: false } };
    const isWell = circuits.length === 0;
    const openUntil = circuits.flatMap(({ openUntil }) => (openUntil === undefined ? [] : [openUntil.getTime()]));
    const update = {
      // A host that rests is remembered until it may be asked again.
      $set: { ...(!isWell && { circuits }), touchedAt: new Date(Math.max(now().getTime(), ...openUntil)) },
      ...(isWell && { $unset: { circuits: '' as const } }),
      $inc: { revision: 1 },
      $setOnInsert: { total: 0 },
    };
    try {
      const { matchedCount, upsertedCount } = await hosts.updateOne(filter, update, { upsert: revision === undefined });
      return matchedCount + upsertedCount === 1;
    } catch (error) {
      if (isDuplicateKey(error)) return false;
      throw error;
    }
  };

  return {
    slots,
    leases,

    find: async (host) => {
      const found = await read(host);
      return found && toHostRecord(found);
    },

    findAll: async (names) => {
      const found = await findIn(names, {});
      const holders = [...new Set(found.flatMap(({ held }) => Object.keys(held)))];
      if (holders.length === 0) return found;
      const renewedSince = new Date((await databaseTime()).getTime() - LEASE_MS);
      const alive = { _id: { $in: holders }, renewedAt: { $gte: renewedSince } };
      const living = new Set((await workers.find(alive, { projection: { _id: 1 } }).toArray()).map(({ _id }) => _id));
      return found.map((record) => {
        const held = Object.fromEntries(Object.entries(record.held).filter(([lease]) => living.has(lease)));
        return { ...record, held, total: Object.values(held).reduce((sum, count) => sum + count, 0) };
      });
    },

    findUnwell: (names) => {
      return findIn(names, { $or: [{ circuits: { $exists: true } }, { restingUntil: { $exists: true } }] });
    },

    changeCircuits: async (host, decide) => {
      for (;;) {
        const stored = await hosts.findOne({ _id: host });
        const circuits = stored?.circuits ?? [];
        const next = decide(circuits);
        // Of those who meet here one gets through each time, so this ends.
        if (next === circuits || (await replace(host, stored?.revision, next))) return next;
      }
    },

    rest: async (host, until) => {
      // A window that has been over for long is followed by a later one, never by an earlier one.
      await hosts.updateOne({ _id: host }, { $max: { restingUntil: until } });
    },

    forget: async (before) => {
      const unused = { touchedAt: { $lt: before } };
      const held = await hosts
        .find({ ...unused, total: { $gt: 0 } })
        .limit(MAX_HELD)
        .batchSize(MAX_HELD)
        .toArray();
      for (const { _id: host, held: holders = {} } of held) {
        const dead = await leases.endStale(Object.keys(holders), before);
        for (const lease of dead) await slots.reclaim(lease, host, holders[lease] ?? 0);
      }
      await workers.deleteMany({ renewedAt: { $lt: before } });
      const { deletedCount } = await hosts.deleteMany({ ...unused, total: 0 });
      return deletedCount;
    },
  };
}

/** The collection of the windows, which the library makes and reads. */
export const HOST_RATES = 'hostRates';

/** Counts the items of each host in windows that all workers share. Windows that are over are removed by the database. */
export function createHostRate(db: Db, { points, windowMs }: { points: number; windowMs: number }): HostRate {
  const limiter = new RateLimiterMongo({
    storeClient: db,
    tableName: HOST_RATES,
    keyPrefix: '',
    points,
    duration: windowMs / 1000,
    // Made with all others (`collections.ts`), so that a failure is told.
    disableIndexesCreation: true,
  });
  return {
    points,
    consume: async (host) => {
      try {
        await limiter.consume(host);
        return 0;
      } catch (refused) {
        // At least a millisecond: the window may end between the answer and this line.
        if (refused instanceof RateLimiterRes) return Math.max(1, refused.msBeforeNext);
        throw refused;
      }
    },
  };
}
