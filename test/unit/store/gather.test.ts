import { describe, expect, it } from '@jest/globals';
import { createGatherer } from '../../../src/store/batching.js';

const fulfilled = <T>(value: T) => ({ status: 'fulfilled' as const, value });

describe('createGatherer', () => {
  it('runs the calls of one turn of the event loop as one batch', async () => {
    const batches: number[][] = [];
    const double = createGatherer(100, (inputs: readonly number[]) => {
      batches.push([...inputs]);
      return Promise.resolve(inputs.map((input) => fulfilled(input * 2)));
    });

    const results = await Promise.all([1, 2, 3].map(double));

    expect(results).toEqual([2, 4, 6]);
    expect(batches).toEqual([[1, 2, 3]]);
  });

  it('puts what is called while a batch is under way into the next one', async () => {
    const batches: number[][] = [];
    let letFirstEnd: () => void = () => undefined;
    const firstMayEnd = new Promise<void>((resolve) => (letFirstEnd = resolve));
    let firstStarted: () => void = () => undefined;
    const hasStarted = new Promise<void>((resolve) => (firstStarted = resolve));
    const echo = createGatherer(100, async (inputs: readonly number[]) => {
      batches.push([...inputs]);
      firstStarted();
      if (batches.length === 1) await firstMayEnd;
      return inputs.map(fulfilled);
    });

    const first = echo(1);
    await hasStarted;
    const rest = [echo(2), echo(3)];
    letFirstEnd();
    await Promise.all([first, ...rest]);

    expect(batches).toEqual([[1], [2, 3]]);
  });

  it('splits what is waiting at the largest batch', async () => {
    const sizes: number[] = [];
    const echo = createGatherer(2, (inputs: readonly number[]) => {
      sizes.push(inputs.length);
      return Promise.resolve(inputs.map(fulfilled));
    });

    await Promise.all([1, 2, 3, 4, 5].map(echo));

    expect(sizes).toEqual([2, 2, 1]);
  });

  it('gives each error to its own caller only', async () => {
    const oddFails = createGatherer(100, (inputs: readonly number[]) =>
      Promise.resolve(
        inputs.map((input) =>
          input % 2 === 0 ? fulfilled(input) : { status: 'rejected' as const, reason: new Error(`odd ${input}`) },
        ),
      ),
    );

    const outcomes = await Promise.allSettled([1, 2, 3].map(oddFails));

    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'rejected']);
    expect(outcomes[2]).toMatchObject({ reason: new Error('odd 3') });
  });

  it('rejects all callers of a batch that fails, and serves the next one', async () => {
    let isDown = true;
    const echo = createGatherer(100, (inputs: readonly number[]) => {
      if (isDown) return Promise.reject(new Error('down'));
      return Promise.resolve(inputs.map(fulfilled));
    });

    const outcomes = await Promise.allSettled([echo(1), echo(2)]);
    isDown = false;

    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await expect(echo(3)).resolves.toBe(3);
  });
});
