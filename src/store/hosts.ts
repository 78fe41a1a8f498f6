import type { Collection, Filter } from 'mongodb';
import type { HostRecord, HostStore, HostTrouble } from '../contract/hosts.js';
import { isDuplicateKey } from './database-error.js';
import { toHostRecord, type HostDocument } from './host-document.js';
import { createHostLeaseStore, type LeaseDocument } from './host-leases.js';
import { createHostSlotStore } from './host-slots.js';
import { createKeyedReader } from './keyed-reader.js';

/** Names of hosts in one query: at most 253 bytes each, so a quarter of a megabyte. */
const MAX_NAMES = 1_000;
/** Hosts whose dead holders are seen to by one call of `forget`. */
const MAX_HELD = 1_000;

/** What all workers know of the hosts that items are fetched from. */
export function createHostStore(deps: {
  hosts: Collection<HostDocument>;
  workers: Collection<LeaseDocument>;
  now: () => Date;
}): HostStore {
  const { hosts, workers, now } = deps;
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

  /** Answers false when somebody else has changed it since. */
  const replace = async (host: string, revision: number | undefined, trouble: HostTrouble | undefined) => {
    const filter = { _id: host, revision: revision ?? { $exists: false } };
    const change = trouble === undefined ? { $unset: { trouble: '' as const } } : {};
    const update = {
      ...change,
      $set: { ...(trouble && { trouble }), touchedAt: trouble?.coolingUntil ?? now() },
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

    findAll: (names) => findIn(names, {}),

    findUnwell: (names) => {
      return findIn(names, { $or: [{ trouble: { $exists: true } }, { restingUntil: { $exists: true } }] });
    },

    changeTrouble: async (host, decide) => {
      for (;;) {
        const stored = await hosts.findOne({ _id: host });
        const next = decide(stored?.trouble);
        // Of those who meet here one gets through each time, so this ends.
        if (next === stored?.trouble || (await replace(host, stored?.revision, next))) return next;
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
