import type {
  AnyBulkWriteOperation,
  Collection,
  Document,
  Filter,
  OptionalId,
  UpdateFilter,
  OptionalUnlessRequiredId,
  FindOptions,
} from 'mongodb';
import {
  isDuplicateKeyWrite,
  partialBulk,
  refusal,
  withoutDocuments,
  isDuplicateKey,
  type PartialBulk,
} from './mongo-errors.js';

interface Waiting<In, Out> {
  readonly input: In;
  resolve(value: Out): void;
  reject(reason: unknown): void;
}

/**
 * Gathers single calls of this process into batches: what is called while a batch is under way goes into the next one, at most
 * `maxBatch` at a time, so that batches grow with the load and a single call is not delayed. `run` answers in the order of
 * its inputs; each caller gets its own outcome, and all callers of a batch get the error when `run` itself fails. Not dataloader, which
 * sends a batch with every turn of the event loop: under load those are many small ones at a time, and nothing holds them back.
 */
export function createGatherer<In, Out>(
  maxBatch: number,
  run: (inputs: readonly In[]) => Promise<readonly PromiseSettledResult<Out>[]>,
): (input: In) => Promise<Out> {
  const waiting: Waiting<In, Out>[] = [];
  let isRunning = false;

  const runOne = async (batch: readonly Waiting<In, Out>[]) => {
    try {
      const outcomes = await run(batch.map(({ input }) => input));
      batch.forEach((caller, index) => {
        const outcome = outcomes[index];
        if (outcome?.status === 'fulfilled') caller.resolve(outcome.value);
        else caller.reject(outcome?.reason ?? new Error('A gathered call got no outcome'));
      });
    } catch (error) {
      for (const caller of batch) caller.reject(error);
    }
  };

  const drain = async () => {
    while (waiting.length > 0) await runOne(waiting.splice(0, maxBatch));
    isRunning = false;
  };

  return (input) =>
    new Promise<Out>((resolve, reject) => {
      waiting.push({ input, resolve, reject });
      if (isRunning) return;
      isRunning = true;
      // Not at once: whatever this turn of the event loop still brings belongs into the same batch.
      setImmediate(() => void drain());
    });
}

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

/** Writes one document by itself: dearer than a group commit, and never unsure of what became of it. */
export async function commitAlone<T extends Document>(
  collection: Collection<T>,
  write: SingleWrite<T>,
): Promise<WriteOutcome> {
  if ('update' in write) {
    const { matchedCount } = await collection.updateOne(write.filter, write.update);
    return matchedCount === 1 ? 'applied' : 'missed';
  }
  try {
    await collection.insertOne(write.insert as OptionalUnlessRequiredId<T>);
    return 'applied';
  } catch (error) {
    if (isDuplicateKey(error)) return 'duplicate';
    throw withoutDocuments(error);
  }
}

/** As many as a group commit writes at once: its callers have read before. */
const MAX_KEYS = 500;

/**
 * Gathers the single reads by `_id` of this process into one query at a time. Answers null where there is no document. One
 * more than the keys in the first batch: with just as many the server does not say that there are no others.
 * @param options of each query, on top of those of the client
 */
export function createKeyedReader<T extends Document & { _id: string }, R extends { _id: string } = T>(
  collection: Collection<T>,
  projection: Partial<Record<keyof T, 0>> | Partial<Record<keyof T, 1>> = {},
  options: () => FindOptions = () => ({}),
): (id: string) => Promise<R | null> {
  return createGatherer(MAX_KEYS, async (ids: readonly string[]) => {
    const filter = { _id: { $in: [...new Set(ids)] } } as unknown as Filter<T>;
    const found = new Map<string, R>();
    const cursor = collection.find<R>(filter, { projection, batchSize: ids.length + 1, ...options() });
    for await (const document of cursor) found.set(document._id, document);
    return ids.map((id) => ({ status: 'fulfilled' as const, value: found.get(id) ?? null }));
  });
}
