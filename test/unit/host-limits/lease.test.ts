import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createLease, type Lease } from '../../../src/host-limits/lease.js';

/** As `src/host-limits/lease.ts` has them. */
const RENEWAL_MS = 2_000;
const STEADY_MS = 5_000;
const OWN_MS = 20_000;

let lease: Lease;
let isDatabaseAway: boolean;
let isTaken: boolean;
let opened: string[];
let losses: number;

beforeEach(() => {
  jest.useFakeTimers();
  [isDatabaseAway, isTaken, opened, losses] = [false, false, [], 0];
  const answer = (): Promise<Date> =>
    isDatabaseAway ? Promise.reject(new Error('No primary')) : Promise.resolve(new Date());
  lease = createLease({
    leases: {
      open: (id) => {
        opened.push(id);
        return answer();
      },
      renew: () => (isTaken ? Promise.resolve(null) : answer()),
      close: () => Promise.resolve(),
      endStale: () => Promise.resolve([]),
    },
    onLost: () => {
      losses += 1;
    },
    elapsed: () => Date.now(),
    newId: () => `w${opened.length + 1}`,
  });
});
afterEach(async () => {
  await lease.close();
  jest.useRealTimers();
});

/** As long as it takes for a lease to be renewed for long enough. */
const whileSteadying = () => jest.advanceTimersByTimeAsync(STEADY_MS + RENEWAL_MS);

describe('a lease that judges those of others', () => {
  it('is not steady before it was opened', () => {
    expect(lease.isSteady).toBe(false);
  });

  it('is steady only when it was renewed for five seconds', async () => {
    await lease.current();
    expect(lease.isSteady).toBe(false);

    await jest.advanceTimersByTimeAsync(STEADY_MS - 1);
    expect(lease.isSteady).toBe(false);
    await jest.advanceTimersByTimeAsync(1);
    expect(lease.isSteady).toBe(true);
  });

  it('is not steady any more after two renewals that failed, although it may still be used', async () => {
    await lease.current();
    await whileSteadying();
    expect(lease.isSteady).toBe(true);

    isDatabaseAway = true;
    await jest.advanceTimersByTimeAsync(3 * RENEWAL_MS);

    expect(lease.isSteady).toBe(false);
    expect(lease.id).toBe('w1');
    expect(losses).toBe(0);
  });

  it('stays steady when a single renewal fails', async () => {
    await lease.current();
    await jest.advanceTimersByTimeAsync(2 * STEADY_MS);

    isDatabaseAway = true;
    await jest.advanceTimersByTimeAsync(RENEWAL_MS);
    isDatabaseAway = false;
    expect(lease.isSteady).toBe(true);
    await jest.advanceTimersByTimeAsync(RENEWAL_MS);

    expect(lease.isSteady).toBe(true);
  });

  it('is not steady at once when the database is back, because others had none either', async () => {
    await lease.current();
    await whileSteadying();
    isDatabaseAway = true;
    await jest.advanceTimersByTimeAsync(4 * RENEWAL_MS);

    isDatabaseAway = false;
    await jest.advanceTimersByTimeAsync(RENEWAL_MS);
    expect(lease.isSteady).toBe(false);
    await jest.advanceTimersByTimeAsync(STEADY_MS - RENEWAL_MS);
    expect(lease.isSteady).toBe(false);
    await jest.advanceTimersByTimeAsync(RENEWAL_MS);

    expect(lease.isSteady).toBe(true);
    expect(opened).toEqual(['w1']);
  });

  it('begins anew after it was lost for too long a silence of the database', async () => {
    await lease.current();
    await whileSteadying();
    isDatabaseAway = true;
    await jest.advanceTimersByTimeAsync(OWN_MS + RENEWAL_MS);
    expect([losses, lease.id]).toEqual([1, undefined]);

    isDatabaseAway = false;
    expect(await lease.current()).toBe('w2');
    expect(lease.isSteady).toBe(false);
    await whileSteadying();

    expect(lease.isSteady).toBe(true);
  });

  it('ends when another worker took it for dead', async () => {
    await lease.current();
    await whileSteadying();

    isTaken = true;
    await jest.advanceTimersByTimeAsync(RENEWAL_MS);

    expect([losses, lease.id]).toEqual([1, undefined]);
  });
});
