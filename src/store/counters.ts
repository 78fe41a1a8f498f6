import type { Collection } from 'mongodb';
import { retryDuplicateKey } from './retry-duplicate-key.js';

export interface CounterDocument {
  readonly _id: string;
  readonly value: number;
}

/** The next number of a named counter, from 1 on: strictly rising over all processes, gaps allowed. */
export async function nextValue(counters: Collection<CounterDocument>, name: string): Promise<number> {
  // The document as it was before: the stand-in server answers the one after it so late that another call may have changed it.
  const options = { upsert: true, returnDocument: 'before' as const };
  const before: Partial<CounterDocument> | null = await retryDuplicateKey(() =>
    counters.findOneAndUpdate({ _id: name }, { $inc: { value: 1 } }, options),
  );
  return (before?.value ?? 0) + 1;
}
