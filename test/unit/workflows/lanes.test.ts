import { describe, expect, it } from '@jest/globals';
import { inLanes } from '../../../workflows/lanes.js';

describe('inLanes', () => {
  it('runs every entry once, in order, at most `width` at a time', async () => {
    const started: number[] = [];
    let running = 0;
    let most = 0;

    await inLanes([0, 1, 2, 3, 4, 5, 6], 3, async (entry) => {
      started.push(entry);
      most = Math.max(most, ++running);
      await Promise.resolve();
      running--;
    });

    expect(started).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(most).toBe(3);
  });

  it('begins nothing new after a failure and rejects with it once all that runs has ended', async () => {
    const ended: number[] = [];
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));

    const run = inLanes([0, 1, 2], 2, async (entry) => {
      if (entry === 0) {
        release();
        throw new Error('first');
      }
      await held;
      ended.push(entry);
    });

    await expect(run).rejects.toThrow('first');
    expect(ended).toEqual([1]);
  });

  it('does nothing without entries', async () => {
    await expect(inLanes([], 5, () => Promise.reject(new Error('never')))).resolves.toBeUndefined();
  });
});
