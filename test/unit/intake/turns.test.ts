import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { giveWay } from '../../../src/intake/body-memory.js';

const STEP_MS = 2;

function work(ms: number): void {
  for (const until = performance.now() + ms; performance.now() < until;);
}

/** Works for so many steps and notes after each of them whose it was. */
async function loop(name: string, steps: number, notes: string[]): Promise<void> {
  for (let step = 0; step < steps; step += 1) {
    const othersFirst = giveWay();
    if (othersFirst !== undefined) await othersFirst;
    work(STEP_MS);
    notes.push(name);
  }
}

describe('giveWay', () => {
  it('lets the event loop go round after 20 ms, however many loops there are', async () => {
    const notes: string[] = [];
    const turns: number[] = [];
    let isDone = false;
    const hasEnded = () => isDone;
    const watch = (async () => {
      while (!hasEnded()) {
        const at = notes.length;
        await turn();
        turns.push(notes.length - at);
      }
    })();

    await Promise.all(Array.from({ length: 20 }, (_, index) => loop(`${index}`, 20, notes)));
    isDone = true;
    await watch;

    // Steps between two turns: ten of 2 ms, and one that begins just before the slice is over.
    expect(Math.max(...turns)).toBeLessThanOrEqual(12);
  });

  it('lets loops take turns, none of them twice while another waits', async () => {
    const notes: string[] = [];

    await Promise.all(['a', 'b', 'c'].map((name) => loop(name, 40, notes)));

    const first = (name: string) => notes.indexOf(name);
    const last = (name: string) => notes.lastIndexOf(name);
    expect(first('c')).toBeLessThan(last('a'));
    expect(first('b')).toBeLessThan(last('a'));
  });

  it('does not hold up a loop that is short', async () => {
    await turn();

    expect(giveWay()).toBeUndefined();
  });
});
