import type { Collection, Document, Filter, FindOptions } from 'mongodb';
import { createGatherer } from './gather.js';

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
