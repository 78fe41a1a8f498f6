import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { PlanWorkInput } from '../../../src/temporal/activity-api.js';
import type { Batch } from '../../../src/domain/import.js';
import type { HostCircuit } from '../../../src/domain/host.js';
import { aFetch, anActivityBench, type ActivityBench } from '../../support/activity-bench.js';
import { aBatch, aSettlement, anAttempt, anItemSpec, itemSpecs } from '../../support/builders.js';

let bench: ActivityBench;
beforeEach(async () => {
  bench = await anActivityBench(() => Promise.resolve(aFetch()), { sweepAbove: 5, sweepPage: 3 });
});
afterEach(() => bench.close());

const refOf = ({ _id: batchId, projectId }: Batch) => ({ batchId, projectId });
const NOTHING_KNOWN = { seqs: [], pages: [], hosts: [] };
const plan = (batch: Batch, changes: Partial<PlanWorkInput> = {}, runId?: string) =>
  bench.run(
    'planWork',
    { ...refOf(batch), beforeSeq: batch.itemCount, known: NOTHING_KNOWN, count: true, ...changes },
    runId,
  );
const seqsOf = (items: readonly { readonly seq: number }[]) => items.map(({ seq }) => seq);
const specsOf = (hosts: readonly string[]) => hosts.map((host, seq) => anItemSpec(seq, { host }));

describe('planWork', () => {
  it('gives every open item an activity of its own while few are open', async () => {
    const batch = await bench.batch({}, itemSpecs(5));
    await bench.store.items.settle(aSettlement(batch._id, 2));

    await expect(plan(batch)).resolves.toEqual({
      missing: false,
      totals: { open: 4, success: 1, skipped: 0, failed: 0, bytes: 1_000 },
      pages: [],
      items: [0, 1, 3, 4].map((seq) => ({ seq, host: 'cdn.example.com' })),
      more: false,
      waitMs: null,
      ofHost: 16,
      tookMs: expect.any(Number) as unknown,
    });
  });

  it('plans the pages that hold open items while many are open', async () => {
    const batch = await bench.batch({}, specsOf([...Array<string>(9).fill('a'), 'b', 'a', 'b']));
    for (const seq of [3, 4, 5]) await bench.store.items.settle(aSettlement(batch._id, seq));

    await expect(plan(batch)).resolves.toMatchObject({
      pages: [
        [0, 2, 'a'],
        [6, 8, 'a'],
        [9, 11],
      ],
      items: [],
    });
  });

  it('plans large items on their own beside the pages', async () => {
    const batch = await bench.batch({}, itemSpecs(10));
    for (const seq of [0, 1, 2, 7]) await bench.store.items.markSolo(batch._id, seq);

    const { pages, items } = await plan(batch);

    expect(pages.map(([from, to]) => [from, to])).toEqual([
      [3, 5],
      [6, 8],
      [9, 11],
    ]);
    expect(items).toEqual([0, 1, 2, 7].map((seq) => ({ seq, host: 'cdn.example.com', own: true })));
  });

  it('leaves out what the workflow knows, and items that were never tried', async () => {
    const batch = await bench.batch({}, itemSpecs(20));
    const known = { seqs: [1], pages: [[2, 4] as const], hosts: [] };

    const { items } = await plan(batch, { beforeSeq: 8, known });

    expect(seqsOf(items)).toEqual([0, 5, 6, 7]);
  });

  it('counts the batch only when it is asked to', async () => {
    const batch = await bench.batch({}, itemSpecs(20));
    for (const seq of [0, 1, 2, 12]) await bench.store.items.settle(aSettlement(batch._id, seq));

    expect((await plan(batch)).totals).toMatchObject({ open: 16, success: 4 });
    expect((await plan(batch, { count: false })).totals).toBeNull();
  });

  it('finds due large items behind any number that back off', async () => {
    const batch = await bench.batch({}, itemSpecs(12));
    const later = new Date(Date.now() + 60_000);
    for (let seq = 0; seq < 12; seq++) await bench.store.items.markSolo(batch._id, seq);
    for (let seq = 0; seq < 10; seq++)
      await bench.store.items.recordAttempt(batch._id, seq, anAttempt(), 'Source answered 503', later);

    const { items } = await plan(batch);
    for (const seq of [10, 11]) await bench.store.items.recordAttempt(batch._id, seq, anAttempt(), 'The same', later);
    const idle = await plan(batch);

    expect(seqsOf(items)).toEqual([10, 11]);
    expect(idle).toMatchObject({ pages: [], items: [] });
    expect(idle.waitMs).toBeGreaterThan(50_000);
  });

  it('leaves out what is not due and says how long until it is', async () => {
    const batch = await bench.batch({}, itemSpecs(2));
    const later = (ms: number) => new Date(Date.now() + ms);
    await bench.store.items.recordAttempt(batch._id, 0, anAttempt(), 'Source answered 503', later(60_000));
    await bench.store.items.recordAttempt(batch._id, 1, anAttempt(), 'Source answered 503', later(30_000));

    const { items, waitMs } = await plan(batch);

    expect(items).toEqual([]);
    expect(waitMs).toBeGreaterThan(25_000);
    expect(waitMs).toBeLessThanOrEqual(30_000);
  });

  it('reports a batch as missing that is gone, or whose POST was refused', async () => {
    const refused = aBatch();
    await bench.store.batches.insert(refused);
    await bench.store.items.insertMany(refused, itemSpecs(1));
    await bench.store.batches.markAccepted(refused._id, { itemCount: 1, importSeq: 1 });

    await expect(bench.store.batches.refuse(refused._id)).resolves.toBe(true);

    await expect(plan(refused)).resolves.toMatchObject({ missing: true, items: [] });
    await expect(plan(aBatch())).resolves.toMatchObject({ missing: true });
  });

  it('makes a batch durable that its gateway then wants to refuse', async () => {
    const batch = aBatch();
    await bench.store.batches.insert(batch);
    await bench.store.items.insertMany(batch, itemSpecs(1));
    await bench.store.batches.markAccepted(batch._id, { itemCount: 1, importSeq: 1 });

    await plan(batch);

    await expect(bench.store.batches.refuse(batch._id)).resolves.toBe(false);
    await expect(bench.store.batches.find(batch.projectId, batch._id)).resolves.toMatchObject({ state: 'started' });
  });

  it('opens a failed batch again for a run that a reset started, and not for the run that ended', async () => {
    const batch = await bench.batch({}, itemSpecs(2));
    await bench.store.items.settle(aSettlement(batch._id, 0));
    await bench.run('finishBatch', { ...refOf(batch), outcome: 'cancelled' }, 'run-1');

    await expect(plan(batch, {}, 'run-1')).resolves.toMatchObject({ totals: { open: 0, failed: 1 } });
    await expect(plan(batch, {}, 'run-2')).resolves.toMatchObject({
      totals: { open: 1, success: 1 },
      items: [{ seq: 1 }],
    });

    const reopened = await bench.store.batches.find(batch.projectId, batch._id);
    expect(reopened).toMatchObject({ state: 'started' });
    expect(reopened).not.toHaveProperty('finishedAt');
  });
});

describe('planWork, for hosts whose circuit is open', () => {
  const ours = (hosts: readonly string[]) => bench.batch({ projectId: 'ours' }, specsOf(hosts));
  const open = (host: string, tries: readonly Date[], more: Partial<HostCircuit> = {}) =>
    bench.store.hosts.changeCircuits(host, () => [
      {
        ...{ projectId: 'ours', evidence: 'down', code: 'connect_failed', failures: 12, urls: [] },
        ...{ since: new Date('2026-11-24T12:00:00Z'), pauses: tries.length, tries },
        ...{ openUntil: new Date(Date.now() + 60_000), ...more },
      },
    ]);

  it('leaves their items out and waits for them, whether few are open or many', async () => {
    await open('ill', [new Date()]);
    const few = await ours(['ill', 'well', 'ill']);
    const many = await ours([...Array<string>(6).fill('ill'), ...Array<string>(6).fill('well')]);
    const alone = await ours(Array<string>(9).fill('ill'));

    expect((await plan(few)).items).toEqual([{ seq: 1, host: 'well' }]);
    await expect(plan(many)).resolves.toMatchObject({
      pages: [
        [6, 8, 'well'],
        [9, 11, 'well'],
      ],
      items: [],
    });
    const idle = await plan(alone);
    expect(idle).toMatchObject({ pages: [], items: [], totals: { open: 9 } });
    expect(idle.waitMs).toBeGreaterThan(50_000);
  });

  it('keeps no item of another project from the host', async () => {
    await open('ill', [new Date()], { projectId: 'another' });
    const batch = await ours(['ill', 'well']);

    expect(seqsOf((await plan(batch)).items)).toEqual([0, 1]);
  });

  it('tries one item when the pause is over', async () => {
    await open('ill', [new Date()], { openUntil: new Date(Date.now() - 1) });
    const batch = await ours(['ill', 'ill', 'ill']);

    const { items, waitMs } = await plan(batch);

    expect(items).toMatchObject([{ host: 'ill' }]);
    // The others are due when the probe has come back.
    expect(waitMs).toBeGreaterThan(0);
    expect(waitMs).toBeLessThanOrEqual(1_500);
  });

  it('finds due large items behind any number whose host rests', async () => {
    await open('ill', [new Date()]);
    const batch = await ours([...Array<string>(10).fill('ill'), 'well', 'well']);
    for (let seq = 0; seq < 12; seq++) await bench.store.items.markSolo(batch._id, seq);

    expect(seqsOf((await plan(batch)).items)).toEqual([10, 11]);
  });

  it('plans all items of a host that was tried in vain as often as an item, since the batch was accepted', async () => {
    const batch = await ours(['ill', 'ill', 'ill', 'well']);
    await bench.store.items.recordAttempt(batch._id, 2, anAttempt(), 'Refused', new Date(Date.now() + 60_000));
    const tried = (count: number) => Array.from({ length: count }, () => new Date(Date.now() + 1_000));
    await open('ill', [new Date(0), ...tried(2)]);
    expect(seqsOf((await plan(batch)).items)).toEqual([3]);

    await open('ill', tried(3));

    await expect(plan(batch)).resolves.toMatchObject({
      totals: { open: 4, failed: 0 },
      items: [{ seq: 0 }, { seq: 1 }, { seq: 2 }, { seq: 3 }],
    });
  });

  it('tries the host as often again when an operator has opened the batch again', async () => {
    const batch = await ours(['ill']);
    await bench.run('finishBatch', { ...refOf(batch), outcome: 'cancelled' }, 'run-1');
    // After it was accepted by a store whose clock stands still, and before it is opened again.
    await bench.store.batches.touch(batch._id);
    const tried = new Date((await bench.store.batches.find(batch.projectId, batch._id))?.touchedAt ?? 0);
    await open('ill', [tried, tried, tried]);
    bench.advance(1);

    await expect(plan(batch, {}, 'run-2')).resolves.toMatchObject({ totals: { open: 1, failed: 0 }, items: [] });
  });
});

describe('planRound, for the workflows before 0.3.0', () => {
  const planRound = (batch: Batch) => bench.run('planRound', { ...refOf(batch), fromSeq: 0 });

  it('plans the whole batch in one round, with its totals', async () => {
    const few = await bench.batch({}, itemSpecs(5));
    const many = await bench.batch({}, itemSpecs(9));
    await bench.store.items.settle(aSettlement(few._id, 2));

    await expect(planRound(few)).resolves.toEqual({
      missing: false,
      totals: { open: 4, success: 1, skipped: 0, failed: 0, bytes: 1_000 },
      pages: [],
      items: [0, 1, 3, 4].map((seq) => ({ seq, host: 'cdn.example.com' })),
      nextSeq: 0,
      waitMs: 0,
    });
    await expect(planRound(many)).resolves.toMatchObject({
      pages: [
        [0, 2],
        [3, 5],
        [6, 8],
      ],
      items: [],
      nextSeq: 0,
      waitMs: 0,
    });
  });

  it('never answers at once that there is nothing to do, because every plan is history', async () => {
    const batch = await bench.batch({}, itemSpecs(1));
    const soon = new Date(Date.now() + 100);
    await bench.store.items.recordAttempt(batch._id, 0, anAttempt(), 'Source answered 503', soon);

    const idle = await planRound(batch);

    expect(idle).toMatchObject({ pages: [], items: [], totals: { open: 1 } });
    expect(idle.waitMs).toBeGreaterThanOrEqual(1_000);
  });

  it('reports a batch as missing that is gone', async () => {
    await expect(planRound(aBatch())).resolves.toMatchObject({ missing: true, totals: { open: 0 }, items: [] });
  });
});
