import { afterEach, describe, expect, it } from '@jest/globals';
import type { HostEvidence } from '../../../src/domain/host.js';
import { NeedsOwnActivity, type FetchRequest, type Fetched } from '../../../src/download/source.js';
import { aFetch, anActivityBench, limited, refOf, type ActivityBench } from '../../support/activity-bench.js';
import { anItemSpec, itemSpecs } from '../../support/builders.js';
import { eventually } from '../../support/eventually.js';
import { NEVER_OVER, aStay, aHostRequest, giveUpHost } from '../../support/host-limiters.js';

let bench: ActivityBench;
afterEach(() => bench.close());

const openBench = async (answer: (request: FetchRequest) => Promise<Fetched>) => {
  bench = await anActivityBench(answer);
  return bench;
};

describe('importItem, when places are scarce', () => {
  it('closes its host for no other item when one URL is answered with 429 and a long Retry-After', async () => {
    const { store, fetched } = await openBench(({ url }) =>
      url.includes('/0.mp4') ? Promise.reject(limited(600_000)) : Promise.resolve(aFetch()),
    );
    const batch = await bench.batch({}, itemSpecs(2));

    const result = await bench.run('importItem', refOf(batch));

    expect(result).toMatchObject({ state: 'open', why: 'retry', code: 'rate_limited' });
    expect(result.dueMs).toBeGreaterThanOrEqual(600_000);
    expect(result).not.toHaveProperty('restMs');
    await expect(bench.run('importItem', refOf(batch, 1))).resolves.toMatchObject({ state: 'success' });
    expect(fetched).toHaveLength(2);
    expect(await store.items.find(batch._id, 0)).toMatchObject({ state: 'open', attempts: 1 });
  });

  it('tells how long its host rests once six URLs were answered with 429, and asks it nothing meanwhile', async () => {
    const { store, fetched } = await openBench(() => Promise.reject(limited(60_000)));
    const batch = await bench.batch({}, itemSpecs(7));
    for (let seq = 0; seq < 5; seq++) await bench.run('importItem', refOf(batch, seq));

    const sixth = await bench.run('importItem', refOf(batch, 5));
    const seventh = await bench.run('importItem', refOf(batch, 6));

    expect(sixth).toMatchObject({ state: 'open', why: 'retry', attempt: 1 });
    expect(sixth.restMs).toBeGreaterThan(55_000);
    expect(seventh).toEqual({ state: 'open', bytes: 0, why: 'host_rests', restMs: expect.any(Number) as unknown });
    expect(seventh.restMs).toBeGreaterThan(55_000);
    expect(fetched).toHaveLength(6);
    expect(await store.items.find(batch._id, 6)).toMatchObject({ state: 'open', attempts: 0 });
  });

  it('tells within about a second that its host has no slot free, and counts no attempt', async () => {
    const { store, hosts, fetched } = await openBench(() => Promise.resolve(aFetch()));
    const batch = await bench.batch();
    const stay = aStay();
    const taken = Array.from({ length: 8 }, () =>
      hosts.visit('cdn.example.com', aHostRequest(), NEVER_OVER, stay.work),
    );
    await eventually('all slots taken', () => stay.begun === 8);
    const startedAt = performance.now();

    const result = await bench.run('importItem', refOf(batch));

    expect(result).toEqual({ state: 'open', bytes: 0, why: 'host_full' });
    expect(performance.now() - startedAt).toBeLessThan(4_000);
    expect(fetched).toEqual([]);
    expect(await store.items.find(batch._id, 0)).toMatchObject({ state: 'open', attempts: 0 });
    stay.end();
    await Promise.all(taken);
    await expect(bench.run('importItem', refOf(batch))).resolves.toMatchObject({ state: 'success' });
  });

  it.each<[HostEvidence, string]>([
    ['down', 'cdn.example.com has not answered since 2026-11-24 12:00 UTC; 3 attempts by different items failed'],
    ['busy', 'cdn.example.com has refused requests since 2026-11-24 12:00 UTC; 3 attempts by different items failed'],
  ])('fails with the code of its host when that is given up as %s, without asking it', async (evidence, reason) => {
    const { store, fetched } = await openBench(() => Promise.resolve(aFetch()));
    const batch = await bench.batch();
    const code = evidence === 'busy' ? 'rate_limited' : 'connect_failed';
    await giveUpHost(store.hosts, 'cdn.example.com', {
      projectId: batch.projectId,
      evidence,
      code,
    });

    await expect(bench.run('importItem', refOf(batch))).resolves.toEqual({
      ...{ state: 'failed', bytes: 0, isHopeless: true },
    });

    const item = await store.items.find(batch._id, 0);
    expect(item).toMatchObject({ state: 'failed', code, attempts: 0, reason });
    expect(fetched).toEqual([]);
    expect(bench.discarded).toEqual([item?._id]);
  });

  it('leaves a place for short items when the file turns out large or slow, and counts no attempt', async () => {
    const { store, fetched } = await openBench(({ inlineBytes }) =>
      inlineBytes === undefined ? Promise.resolve(aFetch()) : Promise.reject(new NeedsOwnActivity('large')),
    );
    const batch = await bench.batch();

    await expect(bench.run('importItem', refOf(batch))).resolves.toEqual({
      ...{ state: 'open', bytes: 0, why: 'needs_own' },
    });
    expect(await store.items.find(batch._id, 0)).toMatchObject({ state: 'open', attempts: 0, solo: true });
    await expect(bench.run('importItem', { ...refOf(batch), own: true })).resolves.toMatchObject({ state: 'success' });
    expect(fetched.map(({ inlineBytes }) => inlineBytes)).toEqual([8 * 1024 ** 2, undefined]);
  });

  it('stays where it is while there are places for long downloads, of which one import has ten', async () => {
    const stay = aStay();
    await openBench(async ({ mayKeepPlace }) => {
      if (mayKeepPlace?.() !== true) throw new NeedsOwnActivity('large');
      await stay.work();
      return aFetch();
    });
    const specs = Array.from({ length: 12 }, (_, seq) => anItemSpec(seq, { host: `h${seq}` }));
    const batch = await bench.batch({}, specs);

    const ended = specs.map(({ seq }) => bench.run('importItem', refOf(batch, seq)));
    await eventually('ten that stay', () => stay.begun === 10);
    const other = await bench.batch();
    const stays = bench.run('importItem', refOf(other));
    await eventually('one of another import', () => stay.begun === 11);
    stay.end();

    const results = await Promise.all(ended);
    expect(results.filter(({ state }) => state === 'success')).toHaveLength(10);
    expect(results.filter(({ why }) => why === 'needs_own')).toHaveLength(2);
    await expect(stays).resolves.toMatchObject({ state: 'success' });
  });
});
