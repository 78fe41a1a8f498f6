import type { AnyBulkWriteOperation, Collection } from 'mongodb';
import type { HostSlotStore } from '../contract/hosts.js';
import { isDuplicateKeyWrite, partialBulk, refusal, withoutDocuments } from './database-error.js';
import { createGatherer } from './gather.js';
import { createGroupCommit } from './group-commit.js';
import type { HostDocument } from './host-document.js';

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
