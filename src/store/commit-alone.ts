import type { Collection, Document, OptionalUnlessRequiredId } from 'mongodb';
import { isDuplicateKey, withoutDocuments } from './database-error.js';
import type { SingleWrite, WriteOutcome } from './group-commit.js';

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
