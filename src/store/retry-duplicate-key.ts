import { isDuplicateKey, withoutDocuments } from './database-error.js';

/**
 * Runs an upsert by key again when another process inserted the key at the same moment: the second run finds the document.
 * The server repeats it only in some versions and for some filters. More than one repetition would need the document to be
 * deleted in between, which nothing does.
 */
export async function retryDuplicateKey<T>(upsert: () => Promise<T>): Promise<T> {
  try {
    return await upsert();
  } catch (error) {
    if (!isDuplicateKey(error)) throw error;
    try {
      return await upsert();
    } catch (again) {
      throw withoutDocuments(again);
    }
  }
}
