import { setMaxListeners } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { HostGate } from '../../../src/politeness/host-gate.js';
import { createHostLedger } from '../../../src/politeness/host-ledger.js';
import { createHostViews } from '../../../src/politeness/host-views.js';
import { createLease } from '../../../src/politeness/lease.js';
import { ANSWERED, DOWN, NEVER_OVER, aHostGate, visitOnce, type GateChanges } from '../../support/host-gates.js';
import { eventually } from '../../support/eventually.js';
import { aTestStore, type TestStore } from '../../support/store.js';

const ATTEMPT_MS = 5;
/** Pauses that are not over before the next line of a test, however busy the machine is. */
const LONG_PAUSES = { attempts: 3, initialMs: 600_000, maxMs: 600_000 };

let test: TestStore;
const gates: HostGate[] = [];
beforeEach(async () => {
  test = await aTestStore();
});
afterEach(async () => {
  await Promise.all(gates.splice(0).map((gate) => gate.close()));
  await test.close();
});

const aGate = (changes: GateChanges = {}) => {
  const gate = aHostGate(test.store.hosts, changes);
  gates.push(gate);
  return gate;
};
const recordOf = (host: string) => test.store.hosts.find(host);

/** Counts what is under way at a time, of all gates and of each. */
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

describe('slots of one host', () => {
  it.each([1, 3, 4])('are never more than %d in three workers together, and each worker gets on', async (sharedMax) => {
    const workers = [0, 1, 2].map(() => aGate({ sharedMax }));
    const { counts, work } = aCount();
    const over = new AbortController();
    setMaxListeners(0, over.signal);

    const all = workers.map(async (gate, worker) => {
      const lane = async () => {
        while (!over.signal.aborted) await gate.visit('h', over.signal, () => work(worker));
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
  });

  it('cost a worker that is alone no operation an item', async () => {
    let operations = 0;
    const { slots, ...rest } = test.store.hosts;
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
    const gate = aHostGate({ ...rest, find, slots: counted });
    gates.push(gate);
    const startedAt = performance.now();

    for (let round = 0; round < 50; round++) await Promise.all(Array.from({ length: 10 }, () => visitOnce(gate, 'h')));

    expect(operations).toBeLessThanOrEqual(4 + (3 * (performance.now() - startedAt)) / 1_000);
  });

  it('are given back when nothing has been done with them for a second', async () => {
    const gate = aGate();
    await visitOnce(gate, 'h');

    expect((await recordOf('h'))?.total).toBe(1);
    await eventually('no slot taken', async () => (await recordOf('h'))?.total === 0);
  });

  it('are given back at once when the worker stops', async () => {
    const gate = aHostGate(test.store.hosts);
    await visitOnce(gate, 'h');

    await gate.close();

    await expect(recordOf('h')).resolves.toMatchObject({ total: 0, held: {} });
  });

  it('of a worker that has died come back when its lease has run out', async () => {
    const { hosts } = test.store;
    await hosts.leases.open('dead');
    await hosts.slots.take('dead', 'h', 4, 4);
    const startedAt = performance.now();

    await visitOnce(aGate(), 'h');

    // A lease of eight seconds, and a look at it each second; the rest is for a busy machine.
    expect(performance.now() - startedAt).toBeLessThan(40_000);
    expect((await recordOf('h'))?.held).not.toHaveProperty('dead');
  });

  it('leave whoever is not interested any more', async () => {
    const gate = aGate({ sharedMax: 1 });
    const done = new AbortController();
    let isBegun = false;
    const first = gate.visit('h', NEVER_OVER, async () => {
      isBegun = true;
      await new Promise((resolve) => {
        done.signal.addEventListener('abort', resolve);
      });
      return { host: ANSWERED };
    });
    await eventually('the first to begin', () => isBegun);
    const over = new AbortController();
    const second = visitOnce(gate, 'h', ANSWERED, over.signal);

    over.abort();
    await expect(second).resolves.toEqual({ kind: 'over' });
    done.abort();
    await expect(first).resolves.toMatchObject({ kind: 'done' });
  });

  it('do not stay taken when the work throws', async () => {
    const gate = aGate({ sharedMax: 1 });

    await expect(gate.visit('h', NEVER_OVER, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    await expect(visitOnce(gate, 'h')).resolves.toMatchObject({ kind: 'done' });
  });
});

describe('a worker whose lease was taken away', () => {
  it('takes its slots anew before it begins anything', async () => {
    const { hosts } = test.store;
    let clock = 0;
    const ids = ['first', 'second'].values();
    const ledgers: ReturnType<typeof createHostLedger>[] = [];
    const lease = createLease({
      leases: hosts.leases,
      elapsed: () => clock,
      newId: () => ids.next().value ?? 'more',
      onLost: () => {
        for (const ledger of ledgers) ledger.lost();
      },
    });
    const views = createHostViews(hosts);
    const ledger = createHostLedger('h', { store: hosts, lease, views, sharedMax: 2, ownMax: 2 }, () => undefined);
    ledgers.push(ledger);
    const take = () => ledger.acquire(NEVER_OVER, '', () => undefined);
    await take();

    // Paused for longer than a lease, while somebody else needed the slots.
    clock += 60_000;
    await hosts.leases.endStale(['first'], new Date(Date.now() + 60_000));
    await hosts.slots.reclaim('first', 'h', 1);
    await take();

    await eventually('slots for both', async () => (await recordOf('h'))?.held['second'] === 2);
    expect(await recordOf('h')).toMatchObject({ total: 2, held: { second: 2 } });
    ledger.release();
    ledger.release();
    await ledger.close();
    await lease.close();
  });
});

describe('a host that fails', () => {
  const fail = async (gate: HostGate, host: string, times: number) => {
    for (let time = 0; time < times; time++) await visitOnce(gate, host, DOWN);
  };

  it('cools after ten failures in a row, for every worker', async () => {
    const [one, two] = [aGate({ policy: LONG_PAUSES }), aGate({ policy: LONG_PAUSES })];
    await fail(one, 'h', 9);
    await expect(visitOnce(two, 'h', DOWN)).resolves.toMatchObject({ kind: 'done', cools: true });

    await expect(visitOnce(two, 'h')).resolves.toEqual({ kind: 'closed' });
    await eventually('the other one to know', async () => (await visitOnce(one, 'h', DOWN)).kind === 'closed');
    await expect(visitOnce(one, 'other')).resolves.toMatchObject({ kind: 'done' });
  });

  it('does not cool when one of ten succeeds', async () => {
    const gate = aGate();
    await fail(gate, 'h', 9);
    await visitOnce(gate, 'h');
    await fail(gate, 'h', 9);

    await expect(visitOnce(gate, 'h')).resolves.toMatchObject({ kind: 'done' });
    expect((await recordOf('h'))?.trouble).toBeUndefined();
  });

  it('lets one probe through in all workers when its pause is over, and all when that succeeds', async () => {
    const workers = [aGate(), aGate(), aGate()];
    await fail(workers[0] ?? aGate(), 'h', 10);
    await eventually('the end of the pause', async () => {
      const until = (await recordOf('h'))?.trouble?.coolingUntil;
      return until !== undefined && until.getTime() < Date.now();
    });
    let begun = 0;
    const answer = new AbortController();
    const probe = async () => {
      begun += 1;
      await new Promise((resolve) => {
        answer.signal.addEventListener('abort', resolve);
      });
      return { host: ANSWERED };
    };

    const visits = workers.flatMap((gate) => [1, 2, 3].map(() => gate.visit('h', NEVER_OVER, probe)));
    await eventually('all others turned away', async () => {
      const settled = await Promise.all(visits.map((visit) => Promise.race([visit, Promise.resolve(null)])));
      return settled.filter((visit) => visit?.kind === 'closed').length === 8;
    });
    expect(begun).toBe(1);
    answer.abort();
    await Promise.all(visits);

    for (const gate of workers) await expect(visitOnce(gate, 'h')).resolves.toMatchObject({ kind: 'done' });
  });

  it('is closed again by a probe that fails, for longer, and remembers each try', async () => {
    const gate = aGate({ policy: { attempts: 3, initialMs: 20, maxMs: 1_000 } });
    await fail(gate, 'h', 10);
    for (let probes = 1; probes <= 3; probes++)
      await eventually(`probe ${probes}`, async () => (await visitOnce(gate, 'h', DOWN)).kind === 'done');

    const trouble = (await recordOf('h'))?.trouble;
    expect(trouble).toMatchObject({ pauses: 4, failures: 13, code: 'connect_failed' });
    expect(trouble?.tries).toHaveLength(3);
  });

  it('cools for as long as it asks to', async () => {
    const gate = aGate();
    const askedAt = Date.now();
    await visitOnce(gate, 'h', { kind: 'busy', code: 'rate_limited', retryAfterMs: 60_000 });

    await expect(visitOnce(gate, 'h')).resolves.toEqual({ kind: 'closed' });
    const until = (await recordOf('h'))?.trouble?.coolingUntil?.getTime() ?? 0;
    expect(until - askedAt).toBeGreaterThanOrEqual(60_000);
    expect(gate.counts()).toEqual({ active: 0, cooling: 1 });
  });

  it('turns those away who wait for a slot there', async () => {
    const gate = aGate({ sharedMax: 1 });
    const busy = visitOnce(gate, 'h', { kind: 'busy', code: 'rate_limited', retryAfterMs: 60_000 });
    const waiting = visitOnce(gate, 'h');

    await expect(busy).resolves.toMatchObject({ cools: true });
    await expect(waiting).resolves.toEqual({ kind: 'closed' });
  });
});

describe('a host with a rate', () => {
  it('rests for every worker until the window is over, and goes on then', async () => {
    let begun = 0;
    // So long that a busy machine gets from one line to the next within it.
    const rate = { points: 2, consume: () => Promise.resolve(begun++ < 2 ? 0 : 3_000) };
    const [one, two] = [aGate({ rate }), aGate({ rate })];
    await visitOnce(one, 'h');
    await visitOnce(two, 'h');

    await expect(visitOnce(one, 'h')).resolves.toEqual({ kind: 'closed' });
    expect((await two.unwell(['h'])).map(({ host }) => host)).toEqual(['h']);
    begun = 0;
    await eventually('the next window', async () => (await visitOnce(one, 'h')).kind === 'done');
  });
});
