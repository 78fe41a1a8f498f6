import { describe, expect, it } from '@jest/globals';
import { createSlotQueue } from '../../../src/host-limits/slot-queue.js';

const NEVER_OVER = new AbortController().signal;

/** A queue that notes which waits end. */
function aQueue() {
  const queue = createSlotQueue();
  const gone: string[] = [];
  const wait = (name: string, over = NEVER_OVER, patienceMs = 60_000) =>
    queue
      .wait(over, name.charAt(0), patienceMs)
      .then((answer) => gone.push(answer === 'taken' ? name : `${name} ${answer}`));
  const letGo = async (count: number) => {
    for (let each = 0; each < count; each += 1) queue.next();
    await Promise.resolve();
    await Promise.resolve();
    return gone.splice(0);
  };
  return { queue, wait, letGo };
}

describe('createSlotQueue', () => {
  it('serves a group in the order of its coming', async () => {
    const { wait, letGo } = aQueue();
    for (const name of ['a1', 'a2', 'a3']) void wait(name);

    expect(await letGo(2)).toEqual(['a1', 'a2']);
    expect(await letGo(2)).toEqual(['a3']);
  });

  it('lets groups take turns, however many wait in one', async () => {
    const { queue, wait, letGo } = aQueue();
    for (const name of ['a1', 'a2', 'a3', 'a4', 'b1', 'c1', 'b2']) void wait(name);
    expect(queue.length).toBe(7);

    expect(await letGo(5)).toEqual(['a1', 'b1', 'c1', 'a2', 'b2']);
    void wait('d1');
    expect(await letGo(9)).toEqual(['a3', 'd1', 'a4']);
    expect(queue.length).toBe(0);
  });

  it('forgets who does not wait any more', async () => {
    const { queue, wait, letGo } = aQueue();
    const over = new AbortController();
    for (const name of ['a1', 'b1', 'a2']) void wait(name, name === 'a1' ? over.signal : NEVER_OVER);
    over.abort();

    expect(queue.length).toBe(2);
    expect(await letGo(3)).toEqual(['a1 over', 'a2', 'b1']);
  });

  it('lets everybody go when it closes', async () => {
    const { queue, wait, letGo } = aQueue();
    for (const name of ['a1', 'b1']) void wait(name);
    queue.close();

    expect(await letGo(1)).toEqual(['a1 closed', 'b1 closed']);
  });
});
