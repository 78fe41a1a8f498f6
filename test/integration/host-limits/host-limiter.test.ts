import { setMaxListeners } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { HostSlots } from '../../../src/host-limits/host-slots.js';
import { createHostStateCache } from '../../../src/host-limits/host-states.js';
import { createLease } from '../../../src/host-limits/lease.js';
import { eventually } from '../../support/eventually.js';
import {
  ANSWERED,
  NEVER_OVER,
  aLimiterRig,
  aHostLimiter,
  aStay,
  aHostRequest,
  visitOnce,
  type LimiterRig,
} from '../../support/host-limiters.js';

const ATTEMPT_MS = 5;
/** A lease of 8 s, a look each second, and what a busy machine adds. */
const DEAD_BY_MS = 40_000;

let rig: LimiterRig;
beforeEach(async () => {
  rig = await aLimiterRig();
});
afterEach(() => rig.close());

const aLimiter: LimiterRig['aLimiter'] = (changes) => rig.aLimiter(changes);
const recordOf = (host: string) => rig.hosts.find(host);

/** Counts what is under way at a time, of all limiters and of each. */
function aCount() {
  const counts = { now: 0, most: 0, done: [0, 0, 0] };
  const work = async (worker: number) => {
    counts.most = Math.max(counts.most, ++counts.now);
    await pause(ATTEMPT_MS);
    counts.now -= 1;
    counts.done[worker] = (counts.done[worker] ?? 0) + 1;
    return { host: ANSWERED };
  };
  return { counts, work };
}

describe('the slots of one host', () => {
  it.each([1, 3, 4])(
    'are never more than %d in three workers together, and each worker gets some',
    async (sharedMax) => {
      const workers = [0, 1, 2].map(() => aLimiter({ sharedMax }));
      const { counts, work } = aCount();
      const over = new AbortController();
      setMaxListeners(0, over.signal);

      const all = workers.map(async (limiter, worker) => {
        const lane = async () => {
          while (!over.signal.aborted) await limiter.visit('h', aHostRequest(), over.signal, () => work(worker));
        };
        await Promise.all(Array.from({ length: 6 }, lane));
      });
      await eventually(
        'work of every worker, in all slots',
        () => counts.done.every((done) => done >= 3) && counts.most >= sharedMax,
      );
      over.abort();
      await Promise.all(all);

      expect(counts.most).toBe(sharedMax);
    },
  );

  it('cost a worker that is alone no operation an item', async () => {
    let operations = 0;
    const { slots, ...rest } = rig.hosts;
    const counted: typeof slots = {
      ...slots,
      take: (...given) => {
        operations += 1;
        return slots.take(...given);
      },
      give: (...given) => {
        operations += 1;
        return slots.give(...given);
      },
    };
    const find = (host: string) => {
      operations += 1;
      return rest.find(host);
    };
    const limiter = aLimiter({ store: { ...rest, find, slots: counted } });
    const startedAt = performance.now();

    for (let round = 0; round < 50; round++)
      await Promise.all(Array.from({ length: 10 }, () => visitOnce(limiter, 'h')));

    expect(operations).toBeLessThanOrEqual(4 + (3 * (performance.now() - startedAt)) / 1_000);
  });

  it('are given back when nothing has been done with them for a second', async () => {
    const limiter = aLimiter();
    await visitOnce(limiter, 'h');

    expect((await recordOf('h'))?.total).toBe(1);
    await eventually('no slot taken', async () => (await recordOf('h'))?.total === 0);
  });

  it('are given back at once when the worker stops', async () => {
    const limiter = aHostLimiter(rig.hosts);
    await visitOnce(limiter, 'h');

    await limiter.close();

    await expect(recordOf('h')).resolves.toMatchObject({ total: 0, held: {} });
  });

  it('of a worker that has died come back when its lease is over', async () => {
    const { hosts } = rig;
    await hosts.leases.open('dead');
    await hosts.slots.take('dead', 'h', 4, 4);
    const limiter = aLimiter();

    await eventually('a slot for an item', async () => (await visitOnce(limiter, 'h')).kind === 'done', DEAD_BY_MS);

    expect((await recordOf('h'))?.held).not.toHaveProperty('dead');
  });

  it('are not waited for any longer when the signal of the visit aborts', async () => {
    const limiter = aLimiter({ sharedMax: 1 });
    const stay = aStay();
    const first = limiter.visit('h', aHostRequest(), NEVER_OVER, stay.work);
    await eventually('the first to begin', () => stay.begun === 1);
    const over = new AbortController();
    const second = visitOnce(limiter, 'h', ANSWERED, { over: over.signal });

    over.abort();
    await expect(second).resolves.toEqual({ kind: 'over' });
    stay.end();
    await expect(first).resolves.toMatchObject({ kind: 'done' });
  });

  it('that are all taken are waited for about a second, and a visit without one holds nothing', async () => {
    const limiter = aLimiter({ sharedMax: 1 });
    const stay = aStay();
    const first = limiter.visit('h', aHostRequest(), NEVER_OVER, stay.work);
    await eventually('the first to begin', () => stay.begun === 1);
    const startedAt = performance.now();

    await expect(visitOnce(limiter, 'h')).resolves.toEqual({ kind: 'full' });

    const waitedMs = performance.now() - startedAt;
    expect(waitedMs).toBeGreaterThan(900);
    expect(waitedMs).toBeLessThan(3_000);
    expect(limiter.counts().active).toBe(1);
    expect(await recordOf('h')).toMatchObject({ total: 1 });
    stay.end();
    await first;
    await expect(visitOnce(limiter, 'h')).resolves.toMatchObject({ kind: 'done' });
    expect(limiter.counts().active).toBe(0);
  });

  it('of another worker are waited for about a second as well', async () => {
    const { hosts } = rig;
    await hosts.leases.open('other');
    const renewing = setInterval(() => void hosts.leases.renew('other'), 1_000);
    await hosts.slots.take('other', 'h', 4, 4);
    const limiter = aLimiter();
    const startedAt = performance.now();

    const visit = await visitOnce(limiter, 'h');
    clearInterval(renewing);

    expect(visit).toEqual({ kind: 'full' });
    expect(performance.now() - startedAt).toBeLessThan(3_000);
    expect(limiter.counts().active).toBe(0);
    expect(await recordOf('h')).toMatchObject({ total: 4, held: { other: 4 } });
  });

  it('are left to short visits by long ones, two of eight', async () => {
    const limiter = aLimiter({ sharedMax: 8, ownMax: 8 });
    const stay = aStay();
    const long = Array.from({ length: 8 }, () =>
      limiter.visit('h', aHostRequest({ isLong: true }), NEVER_OVER, stay.work),
    );
    await eventually('six long visits', () => stay.begun === 6);

    const short = [1, 2].map(() => limiter.visit('h', aHostRequest(), NEVER_OVER, stay.work));
    await eventually('two short visits beside them', () => stay.begun === 8);

    stay.end();
    const kinds = (await Promise.all(long)).map(({ kind }) => kind);
    expect(kinds.sort()).toEqual([...Array<string>(6).fill('done'), 'full', 'full']);
    expect((await Promise.all(short)).map(({ kind }) => kind)).toEqual(['done', 'done']);
  });

  it('go to the next visit as soon as one asks nothing more of its host', async () => {
    const limiter = aLimiter({ sharedMax: 1 });
    const stay = aStay();
    const first = limiter.visit('h', aHostRequest(), NEVER_OVER, ({ leave }) => {
      leave();
      return stay.work();
    });
    await eventually('the first to begin', () => stay.begun === 1);

    await expect(visitOnce(limiter, 'h')).resolves.toMatchObject({ kind: 'done' });
    stay.end();
    await expect(first).resolves.toMatchObject({ kind: 'done' });
  });

  it('do not stay taken when the work throws', async () => {
    const limiter = aLimiter({ sharedMax: 1 });

    await expect(
      limiter.visit('h', aHostRequest(), NEVER_OVER, () => Promise.reject(new Error('broken'))),
    ).rejects.toThrow('broken');
    await expect(visitOnce(limiter, 'h')).resolves.toMatchObject({ kind: 'done' });
  });
});

describe('a worker whose lease was taken away', () => {
  it('takes its slots anew before it begins anything', async () => {
    const { hosts } = rig;
    let clock = 0;
    const ids = ['first', 'second'].values();
    const slotsOfHosts: HostSlots[] = [];
    const lease = createLease({
      leases: hosts.leases,
      elapsed: () => clock,
      newId: () => ids.next().value ?? 'more',
      onLost: () => {
        for (const slots of slotsOfHosts) slots.lost();
      },
    });
    const states = createHostStateCache(hosts);
    const slots = new HostSlots('h', { store: hosts, lease, states, sharedMax: 2, ownMax: 2 }, () => undefined);
    slotsOfHosts.push(slots);
    const take = () => slots.acquire(NEVER_OVER, '', 60_000, () => undefined);
    await take();

    // Paused for longer than a lease, while another worker needed the slots.
    clock += 60_000;
    await hosts.leases.endStale(['first'], new Date(Date.now() + 60_000));
    await hosts.slots.reclaim('first', 'h', 1);
    await take();

    await eventually('slots for both', async () => (await recordOf('h'))?.held['second'] === 2);
    expect(await recordOf('h')).toMatchObject({ total: 2, held: { second: 2 } });
    slots.release();
    slots.release();
    await slots.close();
    await lease.close();
  });
});
