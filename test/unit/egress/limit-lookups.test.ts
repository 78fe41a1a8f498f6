import { describe, expect, it } from '@jest/globals';
import type { LookupAddress } from 'node:dns';
import { setImmediate } from 'node:timers/promises';
import { limitLookups } from '../../../src/egress/limit-lookups.js';

const ADDRESS: readonly LookupAddress[] = [{ address: '1.1.1.1', family: 4 }];
const HOUR = 3_600_000;

/** Look-ups that return when a test says so. */
function controlled(limits: { readonly timeoutMs?: number; readonly maxWaitMs?: number } = {}) {
  const begun: string[] = [];
  const finish = new Map<string, () => void>();
  const lookUp = limitLookups(
    (name) => {
      begun.push(name);
      return new Promise((resolve) =>
        finish.set(name, () => {
          resolve(ADDRESS);
        }),
      );
    },
    { timeoutMs: HOUR, maxWaitMs: HOUR, ...limits },
  );
  return { begun, lookUp, finish: (name: string) => finish.get(name)?.() };
}

describe('limitLookups', () => {
  it('runs two look-ups at a time, in order', async () => {
    const { begun, lookUp, finish } = controlled();
    const answers = ['a', 'b', 'c', 'd'].map((name) => lookUp(name));

    await setImmediate();
    expect(begun).toEqual(['a', 'b']);
    finish('b');
    await expect(answers[1]).resolves.toBe(ADDRESS);
    await setImmediate();
    expect(begun).toEqual(['a', 'b', 'c']);
  });

  it('starts the deadline of a look-up when it begins', async () => {
    const { lookUp, finish } = controlled({ timeoutMs: 100 });
    const slow = [lookUp('a'), lookUp('b')];
    const healthy = lookUp('c');

    // By now the healthy name has waited for longer than a look-up may take.
    for (const one of slow) {
      await expect(one).rejects.toMatchObject({
        code: 'dns_failed',
        message: 'The name servers did not answer within 100 ms',
        retryable: true,
      });
    }
    finish('a');
    await setImmediate();
    finish('c');

    await expect(healthy).resolves.toBe(ADDRESS);
  });

  it('keeps the place of a look-up that missed its deadline until it returns', async () => {
    const { begun, lookUp, finish } = controlled({ timeoutMs: 20 });
    const slow = [lookUp('a'), lookUp('b')];
    const next = lookUp('c');

    for (const one of slow) await expect(one).rejects.toMatchObject({ code: 'dns_failed' });
    await setImmediate();
    expect(begun).toEqual(['a', 'b']);
    finish('a');
    await setImmediate();

    expect(begun).toEqual(['a', 'b', 'c']);
    finish('c');
    await expect(next).resolves.toBe(ADDRESS);
  });

  it('ends a wait that takes too long, and never begins that look-up', async () => {
    const { begun, lookUp, finish } = controlled({ maxWaitMs: 20 });
    void lookUp('a');
    void lookUp('b');

    await expect(lookUp('c')).rejects.toMatchObject({
      code: 'dns_failed',
      message: 'The look-up of the host name did not begin within 20 ms',
      retryable: true,
      details: { stage: 'resolve' },
    });
    finish('a');
    const last = lookUp('d');
    await setImmediate();
    expect(begun).toEqual(['a', 'b', 'd']);
    finish('d');
    await expect(last).resolves.toBe(ADDRESS);
  });

  it('gives the place of a failed look-up to the next, and its error to the caller', async () => {
    const failure = new Error('EAI_AGAIN');
    const lookUp = limitLookups((name) => (name === 'good' ? Promise.resolve(ADDRESS) : Promise.reject(failure)), {
      timeoutMs: HOUR,
      maxWaitMs: HOUR,
    });
    const failed = await Promise.allSettled(['a', 'b', 'c'].map((name) => lookUp(name)));

    expect(failed.map((one) => one.status === 'rejected' && one.reason === failure)).toEqual([true, true, true]);
    await expect(lookUp('good')).resolves.toBe(ADDRESS);
  });
});
