import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createBodyMemory } from '../../../src/intake/body-memory.js';

const MIB = 1024 ** 2;
const TOTAL = 200 * MIB;

function refusalOf(take: () => void): unknown {
  try {
    take();
    return null;
  } catch (error) {
    return error;
  }
}

describe('createBodyMemory', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('refuses with 413 what one request may not have, however empty it is', async () => {
    const room = createBodyMemory(TOTAL).open('p1');

    room.keep(40 * MIB);

    expect(
      refusalOf(() => {
        room.keep(1);
      }),
    ).toMatchObject({ status: 413 });
    await expect(room.take(30 * MIB)).rejects.toMatchObject({ status: 413 });
  });

  it('refuses with 429 what other requests of the project have, and gives it when they end', () => {
    const memory = createBodyMemory(TOTAL);
    const first = memory.open('p1');
    const second = memory.open('p1');
    first.keep(40 * MIB);

    expect(
      refusalOf(() => {
        second.keep(MIB);
      }),
    ).toMatchObject({ status: 429, headers: { 'Retry-After': '5' } });
    first.close();
    expect(
      refusalOf(() => {
        second.keep(40 * MIB);
      }),
    ).toBeNull();
  });

  it('has room for another project when one has taken all it can, in chunks too', () => {
    const memory = createBodyMemory(TOTAL);
    const greedy = memory.open('greedy');
    greedy.keep(40 * MIB);
    while (greedy.tryTake(MIB));

    expect(
      refusalOf(() => {
        memory.open('p2').keep(16 * MIB);
      }),
    ).toBeNull();
  });

  it('has a twentieth for the seventh project when six have kept all they can', () => {
    const memory = createBodyMemory(TOTAL);
    for (let project = 0; project < 6; project += 1) {
      const room = memory.open(`p${project}`);
      for (let isFull = false; !isFull;) {
        try {
          room.keep(MIB / 16);
        } catch {
          isFull = true;
        }
      }
    }

    expect(
      refusalOf(() => {
        memory.open('seventh').keep(TOTAL / 20);
      }),
    ).toBeNull();
  });

  it('refuses with 503 what many other projects have', () => {
    const memory = createBodyMemory(TOTAL);
    for (let project = 0; project < 30; project += 1) {
      const room = memory.open(`p${project}`);
      while (room.tryTake(MIB / 4));
    }

    expect(
      refusalOf(() => {
        memory.open('late').keep(16 * MIB);
      }),
    ).toMatchObject({
      status: 503,
      headers: { 'Retry-After': '5' },
    });
  });

  it('lets a chunk wait for room until other chunks are stored, and for ten seconds at most', async () => {
    const memory = createBodyMemory(TOTAL);
    const first = memory.open('p1');
    const second = memory.open('p1');
    while (first.tryTake(MIB));
    const order: string[] = [];
    const waiting = second.take(2 * MIB).then(() => order.push('second'));
    first.give(MIB);
    await Promise.resolve();
    order.push('one is given back');
    first.give(MIB);
    await waiting;

    expect(order).toEqual(['one is given back', 'second']);

    const tooLong = second.take(2 * MIB).catch((error: unknown) => error);
    jest.advanceTimersByTime(10_000);
    expect(await tooLong).toMatchObject({ status: 429 });
  });

  it('never has what is kept take the room in which a chunk is stored', () => {
    const memory = createBodyMemory(TOTAL);
    const rooms = Array.from({ length: 40 }, () => memory.open('p1'));
    for (const room of rooms) room.keep(MIB);

    // Each holds its body, and waits for a chunk of the largest item.
    expect(rooms[0]?.tryTake(12 * MIB)).toBe(true);
  });

  it('has nothing left when all requests have ended', () => {
    const memory = createBodyMemory(TOTAL);
    const room = memory.open('p1');
    room.keep(40 * MIB);
    room.letGo(10 * MIB);
    while (room.tryTake(MIB));
    room.give(5 * MIB);
    room.close();
    room.close();

    const next = memory.open('p2');
    next.keep(40 * MIB);
    expect(next.tryTake(26 * MIB)).toBe(true);
  });

  it('has room for a body of 16 MiB and its chunk whatever was configured', () => {
    const room = createBodyMemory(1).open('p1');
    room.keep(17 * MIB);

    expect(room.tryTake(12 * MIB)).toBe(true);
  });
});
