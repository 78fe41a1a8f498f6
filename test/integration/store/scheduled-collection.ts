import { setImmediate } from 'node:timers/promises';
import type { Collection, Document } from 'mongodb';

type Gate = <T>(operation: () => Promise<T>) => Promise<T>;

/** Turns of the event loop in which an answered caller asks for its next operation: a group commit gathers for one turn. */
const TURNS = 3;

/**
 * Decides in which order operations reach the database: all wait, and one after the other is let through as the picks say. The
 * same picks give the same interleaving.
 */
export function createSchedule(picks: readonly number[]) {
  const waiting: (() => Promise<void>)[] = [];

  const gate: Gate = (operation) =>
    new Promise((resolve, reject) => {
      waiting.push(() => operation().then(resolve, reject));
    });

  /** Lets operations through until the work that asks for them is done. */
  const run = async (work: Promise<unknown>): Promise<void> => {
    const progress = { isDone: false };
    const done = work.finally(() => {
      progress.isDone = true;
    });
    // Awaited below; until then it is not unhandled.
    done.catch(() => undefined);
    for (let n = 0; !progress.isDone;) {
      for (let turn = 0; turn < TURNS; turn += 1) await setImmediate();
      const pick = (picks[n] ?? 0) % Math.max(waiting.length, 1);
      const [next] = waiting.splice(pick, 1);
      if (next === undefined) continue;
      n += 1;
      await next();
    }
    await done;
  };

  return { gate, run };
}

/** A collection whose operations of single items and media wait at the gate. */
export function scheduled<T extends Document>(collection: Collection<T>, gate: Gate): Collection<T> {
  const bulkWrite = (...args: Parameters<Collection<T>['bulkWrite']>) => gate(() => collection.bulkWrite(...args));
  const insertOne = (...args: Parameters<Collection<T>['insertOne']>) => gate(() => collection.insertOne(...args));
  const updateOne = (...args: Parameters<Collection<T>['updateOne']>) => gate(() => collection.updateOne(...args));
  const find = (...args: Parameters<Collection<T>['find']>) => ({
    async *[Symbol.asyncIterator]() {
      yield* await gate(() => collection.find(...args).toArray());
    },
  });
  return Object.assign(Object.create(collection) as Collection<T>, { bulkWrite, insertOne, updateOne, find });
}
