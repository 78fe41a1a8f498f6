import { afterEach, describe, expect, it } from '@jest/globals';
import { ImportError } from '../../../src/domain/errors.js';
import { NeedsOwnActivity, type FetchRequest, type Fetched } from '../../../src/download/source.js';
import { aFetch, anActivityBench, type ActivityBench } from '../../support/activity-bench.js';
import { anItemSpec, itemSpecs } from '../../support/builders.js';
import { eventually } from '../../support/eventually.js';
import { NEVER_OVER, aStay, aHostRequest, giveUpHost } from '../../support/host-limiters.js';

let bench: ActivityBench;
afterEach(() => bench.close());

const openBench = async (answer: (request: FetchRequest) => Promise<Fetched>) => {
  bench = await anActivityBench(answer);
  return bench;
};
/** Items of these hosts in turns. */
const specsOf = (count: number, ...hosts: readonly string[]) =>
  Array.from({ length: count }, (_, seq) => {
    const host = hosts[seq % hosts.length] ?? 'h';
    return anItemSpec(seq, { host, url: `https://${host}/${seq}.mp4` });
  });

describe('sweepPage', () => {
  const page = (batch: { _id: string; projectId: string }) => ({
    projectId: batch.projectId,
    batchId: batch._id,
    fromSeq: 0,
    toSeq: 49,
  });

  it('tries every open item of its page once and leaves open what needs another attempt', async () => {
    const specs = itemSpecs(60);
    const { store, fetched } = await openBench(({ url }) => {
      if (url.includes('/3.mp4')) return Promise.reject(new ImportError('http_404', 'Source answered 404'));
      if (url.includes('/4.mp4')) return Promise.reject(new ImportError('http_5xx', 'Source answered 500'));
      if (url.includes('/5.mp4')) return Promise.reject(new NeedsOwnActivity('large'));
      return Promise.resolve(aFetch());
    });
    const batch = await bench.batch({}, specs);

    const result = await bench.run('sweepPage', page(batch));

    expect(result).toEqual({
      ...{ success: 47, skipped: 0, failed: 1, bytes: 47_000 },
      left: { count: 1, own: 1, full: 0, dueMs: 0 },
    });
    expect(fetched).toHaveLength(50);
    expect(fetched.every(({ inlineBytes }) => inlineBytes === 8 * 1024 ** 2)).toBe(true);
    expect(await store.items.find(batch._id, 4)).toMatchObject({ state: 'open', attempts: 1 });
    expect(await store.items.find(batch._id, 5)).toMatchObject({ state: 'open', attempts: 0, solo: true });
    expect(await store.items.totals(batch._id)).toMatchObject({ open: 12, success: 47, failed: 1 });
  });

  it('asks a host for no more at a time than it has slots, and calls nothing slow that only waited', async () => {
    let running = 0;
    let most = 0;
    const specs = itemSpecs(50);
    await openBench(async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      return aFetch();
    });
    const batch = await bench.batch({}, specs);

    const result = await bench.run('sweepPage', page(batch));

    expect(most).toBe(8);
    expect(result.success).toBe(50);
  });

  it('leaves the items of a host that begins to rest open without counting an attempt, and tries all others', async () => {
    const { store, fetched } = await openBench(({ url }) =>
      url.includes('ill')
        ? Promise.reject(new ImportError('connect_failed', 'Refused', { stage: 'connect' }))
        : Promise.resolve(aFetch()),
    );
    const batch = await bench.batch({}, specsOf(50, 'ill', 'well'));

    const result = await bench.run('sweepPage', page(batch));

    expect(result).toMatchObject({ success: 25, failed: 0, left: { count: 25, own: 0, full: 0 } });
    expect(result.left?.dueMs).toBeGreaterThan(0);
    expect(result.left?.dueMs).toBeLessThanOrEqual(1_100);
    // Five open the circuit, and what had begun by then ends.
    expect(fetched.length - 25).toBeLessThan(5 + 8);
    const items = await store.items.list(batch._id, { afterSeq: -1, limit: 50 });
    const untried = items.filter(({ attempts }) => attempts === 0);
    expect(untried.length).toBeGreaterThan(0);
    expect(untried.every(({ host, state }) => host === 'ill' && state === 'open')).toBe(true);
  });

  it('fails the items of a host that is given up with the code of the host, and tries all others', async () => {
    const { store, fetched } = await openBench(() => Promise.resolve(aFetch()));
    const batch = await bench.batch({}, specsOf(50, 'dead', 'well'));
    await giveUpHost(store.hosts, 'dead', { projectId: batch.projectId, code: 'timeout', evidence: 'silent' });

    const result = await bench.run('sweepPage', page(batch));

    expect(result).toEqual({ success: 25, skipped: 0, failed: 25, bytes: 25_000 });
    expect(fetched.filter(({ url }) => url.includes('dead'))).toEqual([]);
    expect(await store.items.find(batch._id, 48)).toMatchObject({
      ...{ state: 'failed', code: 'timeout', attempts: 0 },
      reason: 'dead has not answered since 2026-11-24 12:00 UTC; 3 attempts by different items failed',
    });
  });

  it('leaves the items of a host whose slots others use, and tries all others', async () => {
    const { store, hosts, fetched } = await openBench(() => Promise.resolve(aFetch()));
    const batch = await bench.batch({}, specsOf(20, 'full', 'well'));
    const stay = aStay();
    const taken = Array.from({ length: 8 }, () => hosts.visit('full', aHostRequest(), NEVER_OVER, stay.work));
    await eventually('all slots taken', () => stay.begun === 8);

    const result = await bench.run('sweepPage', page(batch));

    expect(result).toMatchObject({ success: 10, failed: 0, left: { count: 10, own: 0, full: 10 } });
    expect(fetched).toHaveLength(10);
    expect(await store.items.find(batch._id, 0)).toMatchObject({ state: 'open', attempts: 0 });
    stay.end();
    await Promise.all(taken);
  });

  it('leaves all items of a host for activities of their own when two in a row get no answer', async () => {
    const { store, fetched } = await openBench(({ url, signal }) => {
      if (!url.includes('mute')) return Promise.resolve(aFetch());
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          reject(signal.reason as Error);
        });
      });
    });
    const batch = await bench.batch({}, specsOf(50, 'mute', 'well'));

    const result = await bench.run('sweepPage', page(batch));

    expect(result).toMatchObject({ success: 25, failed: 0, left: { count: 0, own: 25, full: 0, dueMs: 0 } });
    // As many as may be under way at one host of this worker; nothing was begun after these.
    expect(fetched.filter(({ url }) => url.includes('mute')).length).toBeLessThanOrEqual(16);
    const items = await store.items.list(batch._id, { afterSeq: -1, limit: 50 });
    const planned = await store.items.openFrom(batch._id, 0, 50);
    expect(planned.filter(({ solo }) => solo === true)).toHaveLength(25);
    expect(items.every(({ attempts, host }) => attempts === (host === 'well' ? 1 : 0))).toBe(true);
  });

  it('tries nothing of an import that has ended without the run that asks', async () => {
    const { fetched } = await openBench(() => Promise.resolve(aFetch()));
    const batch = await bench.batch();
    const { projectId, _id: batchId } = batch;
    await bench.run('finishBatch', { projectId, batchId, outcome: 'cancelled' }, 'run-1');

    await expect(bench.run('sweepPage', page(batch), 'run-2')).resolves.toMatchObject({ hasEnded: true });
    expect(fetched).toEqual([]);
  });

  it('does not repeat what an attempt before it has settled', async () => {
    const { fetched } = await openBench(() => Promise.resolve(aFetch()));
    const batch = await bench.batch();

    await bench.run('sweepPage', page(batch));
    const again = await bench.run('sweepPage', page(batch));

    expect(again).toEqual({ success: 0, skipped: 0, failed: 0, bytes: 0 });
    expect(fetched).toHaveLength(1);
  });

  it('fails as a whole, once nothing of it runs any more, when the fault is ours', async () => {
    let running = 0;
    await openBench(async ({ url }) => {
      if (url.includes('/0.mp4')) throw new Error('the database went away');
      running++;
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      return aFetch();
    });
    const batch = await bench.batch({}, itemSpecs(8));

    await expect(bench.run('sweepPage', page(batch))).rejects.toThrow('the database went away');
    expect(running).toBe(0);
  });
});
