import { describe, expect, it } from '@jest/globals';
import { aborting } from '../../../activities/aborting.js';

describe('aborting', () => {
  const untilAborted = (signal: AbortSignal) =>
    new Promise<unknown>((resolve) => {
      signal.addEventListener('abort', () => {
        resolve(signal.reason);
      });
    });

  it('aborts with the given reason when the time is up', async () => {
    const reason = new Error('too long');

    await expect(aborting(new AbortController().signal, 1, () => reason, untilAborted)).resolves.toBe(reason);
  });

  it('aborts with the reason of the outer signal when that comes first', async () => {
    const outer = new AbortController();
    const work = aborting(outer.signal, 60_000, () => new Error('too long'), untilAborted);

    outer.abort('stopped');

    await expect(work).resolves.toBe('stopped');
  });
});
