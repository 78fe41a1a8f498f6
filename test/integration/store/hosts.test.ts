import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { LEASE_MS, type HostCircuit } from '../../../src/domain/host.js';
import { createStore } from '../../../src/store/open-store.js';
import { aTestStore, type TestStore } from '../../support/store.js';

const DAY_MS = 86_400_000;
const circuit = (failures: number, projectId = 'p', openUntil?: Date): HostCircuit => ({
  ...{ projectId, evidence: 'down', code: 'connect_failed', failures, urls: [], since: new Date(0) },
  ...{ pauses: 0, tries: [], ...(openUntil && { openUntil }) },
});

let test: TestStore;
beforeEach(async () => {
  test = await aTestStore();
});
afterEach(() => test.close());

describe('the slots of a host', () => {
  it('are taken up to the limit, all or none, and can be taken again when they are given back', async () => {
    const { slots } = test.store.hosts;

    await expect(slots.take('a', 'h', 3, 4)).resolves.toBe(true);
    await expect(slots.take('b', 'h', 2, 4)).resolves.toBe(false);
    await expect(slots.take('b', 'h', 1, 4)).resolves.toBe(true);
    await slots.give('a', 'h', 3, 3);
    await expect(slots.take('b', 'h', 3, 4)).resolves.toBe(true);

    await expect(test.store.hosts.find('h')).resolves.toMatchObject({ total: 4, held: { b: 4 } });
  });

  it('never exceed the limit, no matter which workers take and return them concurrently', async () => {
    const { slots } = test.store.hosts;
    let run = 0;
    const plans = fc.array(fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 6 }), { minLength: 2, maxLength: 4 });

    await fc.assert(
      fc.asyncProperty(plans, fc.integer({ min: 1, max: 4 }), async (workers, limit) => {
        const host = `h${run++}`;
        let [now, most] = [0, 0];
        await Promise.all(
          workers.map(async (counts, index) => {
            for (const count of counts) {
              if (!(await slots.take(`w${index}`, host, count, limit))) continue;
              now += count;
              most = Math.max(most, now);
              now -= count;
              await slots.give(`w${index}`, host, count, count);
            }
          }),
        );
        const left = await test.store.hosts.find(host);
        expect(most).toBeLessThanOrEqual(limit);
        expect(left?.total ?? 0).toBe(0);
        expect(left?.held ?? {}).toEqual({});
      }),
      { numRuns: 25 },
    );
  });

  it('each have an answer of their own when many hosts are asked for at once', async () => {
    const { slots } = test.store.hosts;
    await slots.take('a', 'full', 2, 2);

    const answers = await Promise.all(['x', 'full', 'y', 'full', 'x'].map((host) => slots.take('b', host, 1, 2)));

    expect(answers).toEqual([true, false, true, false, true]);
  });

  it('are refused to a caller that asks for a host that is well when it has circuits or rests', async () => {
    const { hosts } = test.store;
    await hosts.slots.take('a', 'resting', 1, 4);
    await hosts.rest('resting', new Date());
    await hosts.changeCircuits('ill', () => [circuit(1)]);

    await expect(hosts.slots.take('a', 'resting', 1, 4, 'well')).resolves.toBe(false);
    await expect(hosts.slots.take('a', 'ill', 1, 4, 'well')).resolves.toBe(false);
    await expect(hosts.slots.take('a', 'ill', 1, 4)).resolves.toBe(true);
  });

  it('of a lease that is gone are freed once', async () => {
    const { slots } = test.store.hosts;
    await slots.take('dead', 'h', 3, 4);
    await slots.take('live', 'h', 1, 4);

    await Promise.all([slots.reclaim('dead', 'h', 3), slots.reclaim('dead', 'h', 3)]);
    await slots.give('dead', 'h', 1, 3);

    await expect(test.store.hosts.find('h')).resolves.toMatchObject({ total: 1, held: { live: 1 } });
  });
});

describe('leases', () => {
  it('that were not renewed end, and cannot be renewed any more', async () => {
    const { leases } = test.store.hosts;
    const openedAt = await leases.open('a');
    await leases.open('b');

    await expect(leases.endStale(['a', 'b', 'never'], new Date(openedAt.getTime() - 1))).resolves.toEqual(['never']);
    await expect(leases.endStale(['a'], new Date(openedAt.getTime() + DAY_MS))).resolves.toEqual(['a']);

    await expect(leases.renew('a')).resolves.toBeNull();
    await expect(leases.renew('b')).resolves.toBeInstanceOf(Date);
  });

  it('tell the time of the database', async () => {
    const at = await test.store.hosts.leases.open('a');

    expect(Math.abs(at.getTime() - Date.now())).toBeLessThan(60_000);
  });
});

describe('the slots of workers that have died', () => {
  it('are not counted any more when their lease is over, and those of a worker that lives are', async () => {
    const { hosts } = test.store;
    for (const lease of ['dead', 'live']) {
      await hosts.leases.open(lease);
      await hosts.slots.take(lease, 'h', 2, 8);
    }
    await hosts.slots.take('never-opened', 'h', 3, 8);
    await expect(hosts.findAll(['h'])).resolves.toMatchObject([{ total: 4, held: { dead: 2, live: 2 } }]);

    const longAgo = new Date(Date.now() - LEASE_MS - 60_000);
    await test.database.db
      .collection<{ _id: string }>('workers')
      .updateOne({ _id: 'dead' }, { $set: { renewedAt: longAgo } });

    const [record] = await hosts.findAll(['h']);
    expect(record).toMatchObject({ host: 'h', total: 2 });
    expect(record?.held).toEqual({ live: 2 });
  });
});

describe('the circuits of a host', () => {
  it('are changed once by each of the workers that change them at the same time', async () => {
    const { hosts } = test.store;

    await Promise.all(
      Array.from({ length: 12 }, () => hosts.changeCircuits('h', ([known]) => [circuit((known?.failures ?? 0) + 1)])),
    );

    const found = await hosts.find('h');
    expect(found).toMatchObject({ total: 0, circuits: [{ failures: 12 }] });
    expect(found?.circuits).toHaveLength(1);
  });

  it('are one a project', async () => {
    const { hosts } = test.store;

    await hosts.changeCircuits('h', (known) => [...known, circuit(1, 'a')]);
    const answered = await hosts.changeCircuits('h', (known) => [...known, circuit(2, 'b')]);

    expect(answered.map(({ projectId }) => projectId)).toEqual(['a', 'b']);
    expect((await hosts.find('h'))?.circuits).toEqual(answered);
  });

  it('are not written when they stay as they are, and are removed when nothing is wrong any more', async () => {
    const { hosts } = test.store;
    await hosts.changeCircuits('none', (known) => known);
    await hosts.changeCircuits('h', () => [circuit(1)]);
    await hosts.changeCircuits('h', () => []);

    await expect(hosts.find('none')).resolves.toBeNull();
    expect((await hosts.find('h'))?.circuits).toEqual([]);
    await expect(hosts.slots.take('a', 'h', 1, 4, 'well')).resolves.toBe(true);
  });

  it('can be asked for among thousands of hosts', async () => {
    const { hosts } = test.store;
    await hosts.changeCircuits('h7', () => [circuit(1)]);
    await hosts.slots.take('a', 'h8', 1, 4);
    const names = Array.from({ length: 2_500 }, (_, index) => `h${index}`);

    expect((await hosts.findUnwell(names)).map(({ host }) => host)).toEqual(['h7']);
    expect((await hosts.findAll(names)).map(({ host }) => host).sort()).toEqual(['h7', 'h8']);
  });
});

describe('forgetting', () => {
  it('removes hosts that were not used for long, and frees the slots of workers that have died', async () => {
    const { hosts } = test.store;
    await hosts.slots.take('gone', 'old', 2, 4);
    await hosts.changeCircuits('older', () => [circuit(1)]);
    await hosts.leases.open('here');
    await hosts.slots.take('here', 'busy', 1, 4);
    const old = { $set: { touchedAt: new Date(Date.now() - 2 * DAY_MS) } };
    await test.database.db.collection('hosts').updateMany({}, old);
    await hosts.slots.take('here', 'young', 1, 4);
    await hosts.slots.give('here', 'young', 1, 1);

    const removed = await hosts.forget(new Date(Date.now() - DAY_MS));

    expect(removed).toBe(2);
    const left = (await hosts.findAll(['old', 'older', 'busy', 'young'])).map(({ host }) => host).sort();
    expect(left).toEqual(['busy', 'young']);
  });

  it('keeps a host until the last of its circuits may let a probe through', async () => {
    const { hosts } = test.store;
    const openUntil = new Date(test.now().getTime() + 2 * DAY_MS);
    await hosts.changeCircuits('asked-for-days', () => [circuit(6, 'p', openUntil)]);

    await hosts.forget(new Date(test.now().getTime() + DAY_MS));

    await expect(hosts.find('asked-for-days')).resolves.toMatchObject({ circuits: [{ openUntil }] });
  });
});

describe('the rate of a host', () => {
  it('lets as many through in a window as it says, in all workers together', async () => {
    const { database } = test;
    const [one, two] = await Promise.all(
      [1, 2].map(() => createStore({ url: database.url, database: database.database })),
    );
    try {
      const rates = [one, two].map((store) => store?.hostRate({ points: 5, windowMs: 60_000 }));

      const waits = await Promise.all(
        Array.from({ length: 12 }, (_, index) => rates[index % 2]?.consume('h') ?? Promise.resolve(-1)),
      );

      expect(waits.filter((ms) => ms === 0)).toHaveLength(5);
      expect(Math.max(...waits.map(Number))).toBeLessThanOrEqual(60_000);
      await expect(rates[0]?.consume('other')).resolves.toBe(0);
    } finally {
      await Promise.all([one?.close(), two?.close()]);
    }
  });
});
