import type { Collection } from 'mongodb';
import { keyRange } from './list-items.js';
import type { StoredItem } from './stored-item.js';

/** A delete of this size takes some ten milliseconds: no write waits long behind it, and no time limit is met. */
const CHUNK = 1_000;

/** Removes all items of a batch in chunks by key. A removal that died is gone on with by whoever removes the batch next. */
export async function removeItems(items: Collection<StoredItem>, batchId: string): Promise<void> {
  const keys = items.find({ _id: keyRange(batchId) }, { projection: { _id: 1 }, batchSize: CHUNK });
  let chunk: string[] = [];
  const flush = async () => {
    if (chunk.length > 0) await items.deleteMany({ _id: { $in: chunk } });
    chunk = [];
  };
  for await (const { _id } of keys) {
    chunk.push(_id);
    if (chunk.length === CHUNK) await flush();
  }
  await flush();
}
