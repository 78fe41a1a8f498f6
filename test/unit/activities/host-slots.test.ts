import { describe, expect, it } from '@jest/globals';
import { aborting } from '../../../activities/aborting.js';
import { createHostSlots } from '../../../activities/host-slots.js';

describe('createHostSlots', () => {
  it('limits one host and leaves others alone', async () => {
    const slots = createHostSlots(2);
    const releases: (() => void)[] = [];
    const begun: string[] = [];
    const work = (host: string) =>
      slots(host, async () => {
        begun.push(host);
        await new Promise<void>((resolve) => releases.push(resolve));
      });

    const all = [work('a'), work('a'), work('a'), work('b')];
    await new Promise((resolve) => setImmediate(resolve));
    expect(begun).toEqual(['a', 'a', 'b']);
    releases.shift()?.();
    await all[0];
    await new Promise((resolve) => setImmediate(resolve));

    expect(begun).toEqual(['a', 'a', 'b', 'a']);
    for (const release of releases) release();
    await Promise.all(all);
  });

  it('gives the slot back when the work fails', async () => {
    const slots = createHostSlots(1);

    await expect(slots('a', () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    await expect(slots('a', () => Promise.resolve('next'))).resolves.toBe('next');
  });
});

describe('aborting', () => {
  const untilAborted = (signal: AbortSignal) =>
    new Promise<unknown>((resolve) => {
      signal.addEventListener('abort', () => {
        resolve(signal.reason);
      });
    });

  it('aborts with the given reason when the time is up', async () => {
    const reason = new Error('too long');

    await expect(aborting(new AbortController().signal, 1, reason, untilAborted)).resolves.toBe(reason);
  });

  it('aborts with the reason of the outer signal when that comes first', async () => {
    const outer = new AbortController();
    const work = aborting(outer.signal, 60_000, new Error('too long'), untilAborted);

    outer.abort('stopped');

    await expect(work).resolves.toBe('stopped');
  });
});
