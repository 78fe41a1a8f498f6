import { describe, expect, it } from '@jest/globals';
import { withTimeLimits } from '../../../src/item/with-time-limit.js';

describe('withTimeLimits', () => {
  const untilAborted = (signal: AbortSignal) =>
    new Promise<unknown>((resolve) => {
      signal.addEventListener('abort', () => {
        resolve(signal.reason);
      });
    });
  const endless = new AbortController().signal;

  it('aborts with the reason of the limit that is reached first', async () => {
    const reason = new Error('too long');
    const limits = [
      { ms: 60_000, reason: () => new Error('much too long') },
      { ms: 1, reason: () => reason },
    ];

    await expect(withTimeLimits(endless, limits, untilAborted)).resolves.toBe(reason);
  });

  it('aborts with the reason of the outer signal when that comes first', async () => {
    const outer = new AbortController();
    const limits = [{ ms: 60_000, reason: () => new Error('too long') }];
    const work = withTimeLimits(outer.signal, limits, untilAborted);

    outer.abort('stopped');

    await expect(work).resolves.toBe('stopped');
  });

  it('does not abort for a limit that was cancelled, or whose work may stay', async () => {
    const asked: string[] = [];
    const limits = [
      { ms: 5, reason: () => new Error('cancelled') },
      { ms: 5, reason: () => new Error('stays'), mayKeepPlace: () => asked.push('stay') > 0 },
      { ms: 30, reason: () => new Error('the end') },
    ];

    const ended = await withTimeLimits(endless, limits, (signal, [first]) => {
      first?.cancel();
      return untilAborted(signal);
    });

    expect(ended).toMatchObject({ message: 'the end' });
    expect(asked).toEqual(['stay']);
  });
});
