import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { coalesce } from '../../../src/intake/coalesce.js';

describe('coalesce', () => {
  it('puts one question for all who ask at the same time, and none again for a while', async () => {
    let asked = 0;
    let time = 1;
    const ask = coalesce(async (key) => Promise.resolve(`${key}${++asked}`), { ttlMs: 1000, now: () => time });

    expect(await Promise.all([ask('a'), ask('a'), ask('b')])).toEqual(['a1', 'a1', 'b2']);
    time = 1001;
    expect(await ask('a')).toBe('a1');
    time = 1002;
    expect(await ask('a')).toBe('a3');
  });

  it('waits for a question that takes longer than its answer lasts', async () => {
    let time = 1;
    let answer: (value: string) => void = () => undefined;
    let asked = 0;
    const ask = coalesce(
      () => {
        asked++;
        return new Promise<string>((resolve) => {
          answer = resolve;
        });
      },
      { ttlMs: 1000, now: () => time },
    );

    const first = ask('a');
    time = 5000;
    const second = ask('a');
    answer('late');

    expect(await Promise.all([first, second])).toEqual(['late', 'late']);
    expect(asked).toBe(1);
  });

  it('shares failures and asks again later', async () => {
    let time = 1;
    let asked = 0;
    const ask = coalesce(() => Promise.reject(new Error(`no ${++asked}`)), { ttlMs: 1000, now: () => time });

    await expect(ask('a')).rejects.toThrow('no 1');
    await expect(ask('a')).rejects.toThrow('no 1');
    time = 1002;
    await expect(ask('a')).rejects.toThrow('no 2');
  });

  it('answers with what it has while it asks again, for as long as that may be stale', async () => {
    let time = 1;
    const waiting: ((value: string) => void)[] = [];
    const ask = coalesce(
      () =>
        new Promise<string>((resolve) => {
          waiting.push(resolve);
        }),
      { ttlMs: 1000, staleMs: 500, now: () => time },
    );

    const first = ask('a');
    waiting[0]?.('one');
    await first;
    time = 1200;
    expect(await Promise.all([ask('a'), ask('a')])).toEqual(['one', 'one']);
    expect(waiting).toHaveLength(2);
    waiting[1]?.('two');
    await setImmediate();
    expect(await ask('a')).toBe('two');
    time = 5000;
    const late = ask('a');
    waiting[2]?.('three');
    expect(await late).toBe('three');
  });

  it('waits for the answer on its way once the one before is too old to be given', async () => {
    let time = 1;
    let asked = 0;
    const waiting: ((value: string) => void)[] = [];
    const ask = coalesce(
      () => {
        asked += 1;
        return new Promise<string>((resolve) => {
          waiting.push(resolve);
        });
      },
      { ttlMs: 1000, staleMs: 500, now: () => time },
    );
    const first = ask('a');
    waiting[0]?.('one');
    await first;
    time = 1200;
    await ask('a');
    time = 2000;

    const late = ask('a');
    waiting[1]?.('two');

    expect(await late).toBe('two');
    expect(asked).toBe(2);
  });
});
