import { describe, expect, it } from '@jest/globals';
import { createCleanup } from '../../../bench/stack/with-bench.js';

describe('createCleanup', () => {
  it('undoes what came last first, continues after a failure and says what failed', async () => {
    const said: string[] = [];
    const cleanup = createCleanup((line) => said.push(line));
    const undone: string[] = [];
    for (const name of ['first', 'second', 'third'])
      cleanup.add(() => {
        if (name === 'second') return Promise.reject(new Error('in use'));
        undone.push(name);
        return undefined;
      });
    await cleanup.run();
    expect(undone).toEqual(['third', 'first']);
    expect(said).toEqual(['Not cleaned up: in use']);
  });

  it('makes a second caller wait for the first, and undoes at once what is added late', async () => {
    const cleanup = createCleanup(() => undefined);
    const undone: string[] = [];
    let release: () => void = () => undefined;
    cleanup.add(async () => {
      await new Promise<void>((resolve) => (release = resolve));
      undone.push('slow');
    });
    const first = cleanup.run();
    const second = cleanup.run();
    const late = new Promise<void>((resolve) => {
      cleanup.add(() => {
        undone.push('late');
        resolve();
        return undefined;
      });
    });
    release();
    await Promise.all([first, second, late]);
    expect(undone.toSorted()).toEqual(['late', 'slow']);
  });
});
