import type { AnyBulkWriteOperation, Collection, FindOptions } from 'mongodb';
import type { Condemned, CondemnedStore } from '../domain/removal-notice.js';
import { createKeyedReader } from './batching.js';
import { retryDuplicateKey } from './mongo-errors.js';

/**
 * An import looks for a notice after a write to another store, the one of blobs: nothing else tells it that the server which answers
 * is still the primary. The server makes sure of it by a write of its own, which takes as long as any other.
 */
const LINEARIZABLE: FindOptions = {
  readConcern: { level: 'linearizable' },
  // Without a majority such a read would wait forever; it waits as long as the client's writes do.
  maxTimeMS: 10_000,
};

/** All notices of one blob: whether one stands is told by those that have not concluded, so that no update has to look first. */
export interface CondemnedDocument {
  readonly _id: string;
  /** When it was last condemned, by any collector. */
  readonly at: Date;
  /** When it was condemned by each collector that has not concluded. */
  readonly removing: Readonly<Record<string, Date>>;
}

/** Notices that a blob is about to be removed, one document a blob. */
export function createCondemnedStore(deps: {
  condemned: Collection<CondemnedDocument>;
  now: () => Date;
  /** A standalone server has no members to ask, and refuses linearizable reads. */
  isReplicated: () => boolean;
}): CondemnedStore {
  const { condemned, now, isReplicated } = deps;
  const read = createKeyedReader<CondemnedDocument>(condemned, {}, () => (isReplicated() ? LINEARIZABLE : {}));

  return {
    condemn: async (collector, sha256s) => {
      if (sha256s.length === 0) return;
      const at = now();
      const notice = { $set: { at, [fieldOf(collector)]: at } };
      const operations = sha256s.map((_id): AnyBulkWriteOperation<CondemnedDocument> => ({
        updateOne: { filter: { _id }, update: notice, upsert: true },
      }));
      await retryDuplicateKey(() => condemned.bulkWrite(operations, { ordered: false }));
    },

    conclude: async (collector, sha256s) => {
      await condemned.updateMany({ _id: { $in: [...sha256s] } }, { $unset: { [fieldOf(collector)]: '' } });
    },

    find: async (sha256) => {
      const found = await read(sha256);
      return found && toCondemned(found);
    },

    forget: async (before) => {
      const { deletedCount } = await condemned.deleteMany({ at: { $lt: before } });
      return deletedCount;
    },
  };
}

function toCondemned({ _id, at, removing }: CondemnedDocument): Condemned {
  const standing = Object.values(removing).map((date) => date.getTime());
  if (standing.length === 0) return { _id, state: 'done', at };
  return { _id, state: 'removing', at: new Date(Math.max(...standing)) };
}

/** Dots and dollar signs mean something in the name of a field. */
function fieldOf(collector: string): `removing.${string}` {
  return `removing.${encodeURIComponent(collector).replaceAll('.', '%2E')}`;
}
