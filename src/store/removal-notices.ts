import type { AnyBulkWriteOperation, Collection, FindOptions } from 'mongodb';
import type { RemovalNotice, RemovalNoticeStore } from '../domain/removal-notice.js';
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
export interface RemovalNoticeDocument {
  readonly _id: string;
  /** When its removal was last announced, by any collector. */
  readonly at: Date;
  /** When its removal was announced by each collector that has not completed it. */
  readonly removing: Readonly<Record<string, Date>>;
}

/** Notices that a blob is about to be removed, one document a blob. */
export function createRemovalNoticeStore(deps: {
  condemned: Collection<RemovalNoticeDocument>;
  now: () => Date;
  /** A standalone server has no members to ask, and refuses linearizable reads. */
  isReplicated: () => boolean;
}): RemovalNoticeStore {
  const { condemned, now, isReplicated } = deps;
  const read = createKeyedReader<RemovalNoticeDocument>(condemned, {}, () => (isReplicated() ? LINEARIZABLE : {}));

  return {
    announce: async (collector, sha256s) => {
      if (sha256s.length === 0) return;
      const at = now();
      const notice = { $set: { at, [fieldOf(collector)]: at } };
      const operations = sha256s.map((_id): AnyBulkWriteOperation<RemovalNoticeDocument> => ({
        updateOne: { filter: { _id }, update: notice, upsert: true },
      }));
      await retryDuplicateKey(() => condemned.bulkWrite(operations, { ordered: false }));
    },

    complete: async (collector, sha256s) => {
      await condemned.updateMany({ _id: { $in: [...sha256s] } }, { $unset: { [fieldOf(collector)]: '' } });
    },

    find: async (sha256) => {
      const found = await read(sha256);
      return found && toRemovalNotice(found);
    },

    purge: async (before) => {
      const { deletedCount } = await condemned.deleteMany({ at: { $lt: before } });
      return deletedCount;
    },
  };
}

function toRemovalNotice({ _id, at, removing }: RemovalNoticeDocument): RemovalNotice {
  const standing = Object.values(removing).map((date) => date.getTime());
  if (standing.length === 0) return { _id, state: 'done', at };
  return { _id, state: 'removing', at: new Date(Math.max(...standing)) };
}

/** Dots and dollar signs mean something in the name of a field. */
function fieldOf(collector: string): `removing.${string}` {
  return `removing.${encodeURIComponent(collector).replaceAll('.', '%2E')}`;
}
