import type { Collection, Document, Filter } from 'mongodb';
import { createGatherer } from './gather.js';

/** As many as a group commit writes at once: its callers have read before. */
const MAX_KEYS = 500;

/** Gathers the single reads by `_id` of this process into one query at a time. Answers null where there is no document. */
export function createKeyedReader<T extends Document & { _id: string }, R extends { _id: string } = T>(
  collection: Collection<T>,
  projection: Partial<Record<keyof T, 0>> | Partial<Record<keyof T, 1>> = {},
): (id: string) => Promise<R | null> {
  return createGatherer(MAX_KEYS, async (ids: readonly string[]) => {
    const filter = { _id: { $in: [...new Set(ids)] } } as unknown as Filter<T>;
    const found = new Map<string, R>();
    for await (const document of collection.find<R>(filter, { projection })) found.set(document._id, document);
    return ids.map((id) => ({ status: 'fulfilled' as const, value: found.get(id) ?? null }));
  });
}
