import type { Collection } from 'mongodb';
import { retryDuplicateKey } from './mongo-errors.js';

/** The one document of its collection. */
export interface ClockDocument {
  readonly _id: 'clock';
  readonly at: Date;
}

/** Two good oscillators part by less than a millisecond in this time; and a failover to a member whose clock differs is noticed. */
const FRESH_MS = 10_000;

/**
 * The clock of the database, which all processes share: leases that one process takes and another one lets lapse are measured by
 * it. Asked again every 10 s; in between it advances with a monotonic clock of the process. It is asked by a write, because
 * a primary that was replaced without noticing cannot answer one.
 * @param elapsed milliseconds on a clock that is never set
 */
export function createDatabaseClock(
  clock: Collection<ClockDocument>,
  elapsed: () => number = () => performance.now(),
): () => Promise<Date> {
  let sample: { readonly time: number; readonly elapsed: number } | undefined;
  let asking: Promise<{ time: number; elapsed: number }> | undefined;

  const ask = async () => {
    // The time of the request, not of the answer: the database has noted the time before it waits for its majority.
    const askedAt = elapsed();
    const asked = { $currentDate: { at: true } } as const;
    const options = { upsert: true, returnDocument: 'after' } as const;
    const answer = await retryDuplicateKey(() => clock.findOneAndUpdate({ _id: 'clock' }, asked, options));
    if (answer === null) throw new Error('The database answered an upsert without its document');
    return { time: answer.at.getTime(), elapsed: askedAt };
  };

  return async () => {
    if (sample === undefined || elapsed() - sample.elapsed >= FRESH_MS) {
      asking ??= ask().finally(() => {
        asking = undefined;
      });
      sample = await asking;
    }
    return new Date(sample.time + elapsed() - sample.elapsed);
  };
}
