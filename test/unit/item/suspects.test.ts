import { Writable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { ItemResult } from '../../../src/temporal/activity-api.js';
import type { Item } from '../../../src/domain/item.js';
import type { Settlement } from '../../../src/store/store.js';
import { createSuspects, type Suspects } from '../../../src/item/suspects.js';
import { createLogger } from '../../../src/telemetry/logger.js';
import { aBatch, anItemSpec } from '../../support/builders.js';

const DONE: ItemResult = { state: 'success', bytes: 7 };
const MINUTE_MS = 60_000;

const batch = aBatch();
const anItem = (seq: number, interrupted?: number): Item => ({
  ...anItemSpec(seq),
  _id: `item-${seq}`,
  batchId: batch._id,
  projectId: batch.projectId,
  state: 'open',
  attempts: 0,
  updatedAt: new Date(),
  ...(interrupted !== undefined && { interrupted }),
});

/** What the database was asked for, in order. */
let asked: string[];
let settlements: Settlement[];
let counted: string[];
let isDatabaseAway: boolean;
/** Whether the item was still open. */
let wasOpen: boolean;
let suspects: Suspects;

beforeEach(() => {
  [asked, settlements, counted] = [[], [], []];
  [isDatabaseAway, wasOpen] = [false, true];
  const note = (what: string): Promise<void> => {
    if (isDatabaseAway) return Promise.reject(new Error('No primary'));
    asked.push(what);
    return Promise.resolve();
  };
  const items = {
    markBegun: (_batchId: string, seq: number, count: number) => note(`mark ${seq} as ${count}`),
    clearBegun: (_batchId: string, seq: number) => note(`clear ${seq}`),
    settle: (settlement: Settlement) => {
      settlements.push(settlement);
      return Promise.resolve(wasOpen);
    },
  };
  const metrics = { itemSettled: (...labels: readonly unknown[]) => void counted.push(labels.join(' ')) };
  const sink = new Writable({
    write(_chunk, _encoding, done) {
      done();
    },
  });
  const source = { discardPart: () => Promise.resolve() };
  suspects = createSuspects({ store: { items }, source, metrics, logger: createLogger('info', 'test', sink) });
});
afterEach(() => {
  jest.useRealTimers();
});

/** An attempt that its source answers. */
const answered = async (onAnswered: () => Promise<void>): Promise<ItemResult> => {
  await onAnswered();
  return DONE;
};

/** An attempt that waits until it is told to end. */
function waiting() {
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  const work = (seq: number) => () =>
    new Promise<ItemResult>((resolve) => {
      begun.push(seq);
      ends.push(() => {
        resolve(DONE);
      });
    });
  return { begun, ends, work };
}

describe('an attempt that is watched', () => {
  it('marks its item while the answer is handled, and takes the mark off at its end', async () => {
    const seen: string[][] = [];

    const result = await suspects.watch(anItem(1), async (onAnswered) => {
      seen.push([...asked]);
      await onAnswered();
      seen.push([...asked]);
      return DONE;
    });

    expect(result).toEqual(DONE);
    expect(seen).toEqual([[], ['mark 1 as 1']]);
    expect(asked).toEqual(['mark 1 as 1', 'clear 1']);
  });

  it('takes the mark off when it fails, because the process is alive', async () => {
    const failing = suspects.watch(anItem(1), async (onAnswered) => {
      await onAnswered();
      throw new Error('The body broke off');
    });

    await expect(failing).rejects.toThrow('The body broke off');
    expect(asked).toEqual(['mark 1 as 1', 'clear 1']);
  });

  it('writes nothing about an item that no source has answered for', async () => {
    await suspects.watch(anItem(1), () => Promise.resolve(DONE));

    expect(asked).toEqual([]);
  });

  it('counts on from the deaths of before, and takes their mark off even when no source answers', async () => {
    await suspects.watch(anItem(1, 2), answered);
    await suspects.watch(anItem(2, 2), () => Promise.resolve(DONE));

    expect(asked).toEqual(['mark 1 as 3', 'clear 1', 'clear 2']);
  });

  it('suspects no item that it survived, although its mark is still in the database', async () => {
    const item = anItem(1, 1);

    const result = await suspects.watch(item, async (onAnswered) => {
      await onAnswered();
      isDatabaseAway = true;
      return DONE;
    });

    expect(result).toEqual(DONE);
    expect(suspects.isSuspect(item)).toBe(false);
    expect(suspects.isSuspect(anItem(2, 1))).toBe(true);
    isDatabaseAway = false;
    await suspects.watch(item, answered);
    expect(asked).toEqual(['mark 1 as 2', 'mark 1 as 1', 'clear 1']);
    // A mark that is found now is of a later attempt, which nobody has survived yet.
    expect(suspects.isSuspect(item)).toBe(true);
  });
});

describe('an item that is tried again', () => {
  it('is given up after three deaths without being tried, counted once and suspected no more', async () => {
    const work = jest.fn(answered);

    expect(await suspects.tryAgain(batch, anItem(1, 3), work)).toEqual({ state: 'failed', bytes: 0 });

    expect(work).not.toHaveBeenCalled();
    expect(settlements).toEqual([
      {
        batchId: batch._id,
        seq: 1,
        state: 'failed',
        code: 'worker_crashed',
        reason: 'The worker crashed each time it tried the item',
      },
    ]);
    expect(counted).toEqual(['video failed worker_crashed 0']);
    expect(asked).toEqual(['clear 1']);
  });

  it('is not counted as failed when it was settled before', async () => {
    wasOpen = false;

    await suspects.tryAgain(batch, anItem(1, 3), answered);

    expect(counted).toEqual([]);
  });

  it('is tried once more after two deaths', async () => {
    expect(await suspects.tryAgain(batch, anItem(1, 2), answered)).toEqual(DONE);

    expect(settlements).toEqual([]);
    expect(asked).toEqual(['mark 1 as 3', 'clear 1']);
  });

  it('waits for the suspect before it, and for no item that is none', async () => {
    const { begun, ends, work } = waiting();

    const all = [1, 2].map((seq) => suspects.tryAgain(batch, anItem(seq, 1), work(seq)));
    all.push(suspects.tryAgain(batch, anItem(3), work(3)));
    await turn();
    expect([...begun].sort()).toEqual([1, 3]);

    ends[begun.indexOf(1)]?.();
    await turn();
    expect(begun).toContain(2);
    for (const end of ends) end();
    expect(await Promise.all(all)).toEqual([DONE, DONE, DONE]);
  });

  it('is let through by a suspect that failed', async () => {
    const failing = suspects.tryAgain(batch, anItem(1, 1), () => Promise.reject(new Error('The source is away')));

    await expect(failing).rejects.toThrow('The source is away');
    expect(await suspects.tryAgain(batch, anItem(2, 1), answered)).toEqual(DONE);
  });

  it('waits no longer than a minute for a suspect that takes hours', async () => {
    jest.useFakeTimers();
    const { begun, ends, work } = waiting();
    const all = [1, 2].map((seq) => suspects.tryAgain(batch, anItem(seq, 1), work(seq)));

    await jest.advanceTimersByTimeAsync(MINUTE_MS - 1);
    expect(begun).toEqual([1]);
    await jest.advanceTimersByTimeAsync(1);
    expect(begun).toEqual([1, 2]);

    for (const end of ends) end();
    await Promise.all(all);
  });
});
