import { describe, expect, it } from '@jest/globals';
import type { Collection } from 'mongodb';
import { createDatabaseClock, type ClockDocument } from '../../../src/store/database-clock.js';

/** A database whose clock says `time`, and a process whose clock says `elapsed`. */
function aClock() {
  const state = { time: 1_000_000, elapsed: 0, asked: 0, takesMs: 0 };
  const collection = {
    findOneAndUpdate: () => {
      state.asked += 1;
      const at = new Date(state.time);
      state.elapsed += state.takesMs;
      state.time += state.takesMs;
      return Promise.resolve({ _id: 'clock', at });
    },
  } as unknown as Collection<ClockDocument>;
  const pass = (ms: number) => {
    state.elapsed += ms;
    state.time += ms;
  };
  return { state, pass, now: createDatabaseClock(collection, () => state.elapsed) };
}

describe('the clock of the database', () => {
  it('is asked once for all who want to know within ten seconds, and goes on meanwhile', async () => {
    const { state, pass, now } = aClock();

    const [first] = await Promise.all([now(), now(), now()]);
    pass(9_999);
    const later = await now();

    expect(state.asked).toBe(1);
    expect(first).toEqual(new Date(1_000_000));
    expect(later).toEqual(new Date(1_009_999));
  });

  it('is asked again afterwards, so that another primary with another clock is noticed', async () => {
    const { state, pass, now } = aClock();
    await now();
    pass(10_000);
    state.time += 5_000;

    await expect(now()).resolves.toEqual(new Date(1_015_000));
    expect(state.asked).toBe(2);
  });

  it('is not behind by the time that its answer took', async () => {
    const { state, now } = aClock();
    state.takesMs = 3_000;

    await expect(now()).resolves.toEqual(new Date(1_003_000));
  });

  it('is asked anew when it did not answer', async () => {
    const { state, now } = aClock();
    const broken = createDatabaseClock(
      { findOneAndUpdate: () => Promise.reject(new Error('away')) } as unknown as Collection<ClockDocument>,
      () => state.elapsed,
    );

    await expect(broken()).rejects.toThrow('away');
    await expect(broken()).rejects.toThrow('away');
    await expect(now()).resolves.toEqual(new Date(1_000_000));
  });
});
