import type { AnyBulkWriteOperation, Collection, Document, Filter, OptionalId, UpdateFilter } from 'mongodb';
import { isDuplicateKeyWrite, partialBulk, refusal, withoutDocuments, type PartialBulk } from './database-error.js';
import { createGatherer } from './gather.js';

/** With documents of about 1 KiB half a megabyte: far below a message, and enough that grouping wrote 2 to 3 times as much a second. */
const MAX_BULK = 500;

export type SingleWrite<T extends Document> =
  { readonly insert: OptionalId<T> } | { readonly filter: Filter<T>; readonly update: UpdateFilter<T> };

/**
 * applied: acknowledged and in the database; duplicate: an insert whose key exists; missed: an update that found no document;
 * unsure: an update that may or may not have found its document, so its caller has to read it.
 */
export type WriteOutcome = 'applied' | 'duplicate' | 'missed' | 'unsure';

/**
 * Gathers the single writes of this process into unordered bulks, one bulk in flight, and answers each caller once its bulk is
 * acknowledged. MongoDB before version 8 counts the matches of a bulk, not of each update in it: when the count is full, every
 * update has found its document, and that is nearly always so; otherwise all updates of that bulk are `unsure`. That is cheaper
 * than a findOneAndUpdate each, which cannot be gathered. Nothing is known when the bulk itself fails, so writes have to be
 * such that they may be repeated.
 */
export function createGroupCommit<T extends Document>(
  collection: Collection<T>,
): (write: SingleWrite<T>) => Promise<WriteOutcome> {
  return createGatherer(MAX_BULK, async (writes: readonly SingleWrite<T>[]) => {
    const updates = writes.filter((write) => 'update' in write).length;
    const { matched, refused } = await execute(collection, writes);
    return writes.map((write, index): PromiseSettledResult<WriteOutcome> => {
      const error = refused.get(index);
      if (error !== undefined) {
        if ('insert' in write && isDuplicateKeyWrite(error)) return { status: 'fulfilled', value: 'duplicate' };
        return { status: 'rejected', reason: refusal(error) };
      }
      const isSure = 'insert' in write || matched === updates;
      return { status: 'fulfilled', value: isSure ? 'applied' : 'unsure' };
    });
  });
}

async function execute<T extends Document>(
  collection: Collection<T>,
  writes: readonly SingleWrite<T>[],
): Promise<PartialBulk> {
  const operations = writes.map((write): AnyBulkWriteOperation<T> =>
    'insert' in write ? { insertOne: { document: write.insert } } : { updateOne: write },
  );
  try {
    const { matchedCount } = await collection.bulkWrite(operations, { ordered: false });
    return { matched: matchedCount, refused: new Map() };
  } catch (error) {
    const partial = partialBulk(error);
    if (partial === null) throw withoutDocuments(error);
    return partial;
  }
}
