import { describe, expect, it } from '@jest/globals';
import type { LookupAddress } from 'node:dns';
import { setImmediate } from 'node:timers/promises';
import { limitLookups } from '../../../src/egress/resolver.js';

const ADDRESS: readonly LookupAddress[] = [{ address: '1.1.1.1', family: 4 }];
const HOUR = 3_600_000;

/** Look-ups that return when a test says so, both ways. */
function controlled(limits: { readonly timeoutMs?: number; readonly patienceMs?: number } = {}) {
  const finish = new Map<string, () => void>();
  const way = (begun: string[]) => (name: string) => {
    begun.push(name);
    return new Promise<readonly LookupAddress[]>((resolve) =>
      finish.set(name, () => {
        resolve(ADDRESS);
      }),
    );
  };
  const begun: string[] = [];
  const direct: string[] = [];
  const lookUp = limitLookups({
    system: way(begun),
    direct: way(direct),
    timeoutMs: HOUR,
    patienceMs: HOUR,
    ...limits,
  });
  return { begun, direct, lookUp, finish: (name: string) => finish.get(name)?.() };
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

  it('takes the direct way for a name that finds no free thread in time, once', async () => {
    const { begun, direct, lookUp, finish } = controlled({ patienceMs: 20, timeoutMs: 5000 });
    void lookUp('a').catch(() => undefined);
    void lookUp('b').catch(() => undefined);
    const healthy = ['c', 'd', 'e'].map((name) => lookUp(name));

    while (direct.length < 3) await setImmediate();
    for (const name of ['c', 'd', 'e']) finish(name);

    for (const one of healthy) await expect(one).resolves.toBe(ADDRESS);
    finish('a');
    const last = lookUp('f');
    await setImmediate();
    expect([begun, direct]).toEqual([
      ['a', 'b', 'f'],
      ['c', 'd', 'e'],
    ]);
    finish('f');
    await expect(last).resolves.toBe(ADDRESS);
  });

  it('holds the direct way to the same deadline', async () => {
    const { lookUp } = controlled({ patienceMs: 10, timeoutMs: 50 });
    const hung = [lookUp('a'), lookUp('b'), lookUp('c')];

    for (const one of await Promise.allSettled(hung)) {
      expect(one).toMatchObject({
        reason: { code: 'dns_failed', message: 'The name servers did not answer within 50 ms' },
      });
    }
  });

  it('gives the place of a failed look-up to the next, and its error to the caller', async () => {
    const failure = new Error('EAI_AGAIN');
    const system = (name: string) => (name === 'good' ? Promise.resolve(ADDRESS) : Promise.reject(failure));
    const lookUp = limitLookups({ system, direct: system, timeoutMs: HOUR, patienceMs: HOUR });
    const failed = await Promise.allSettled(['a', 'b', 'c'].map((name) => lookUp(name)));

    expect(failed.map((one) => one.status === 'rejected' && one.reason === failure)).toEqual([true, true, true]);
    await expect(lookUp('good')).resolves.toBe(ADDRESS);
  });

  it('turns a look-up that throws into a rejection, both ways, and gives its place back', async () => {
    const broken = () => {
      throw new Error('broken');
    };
    const lookUp = limitLookups({ system: broken, direct: broken, timeoutMs: HOUR, patienceMs: 0 });

    const outcomes = await Promise.allSettled(Array.from({ length: 6 }, (_, index) => lookUp(String(index))));

    expect(outcomes.map(({ status }) => status)).toEqual(Array.from({ length: 6 }, () => 'rejected'));
  });
});
