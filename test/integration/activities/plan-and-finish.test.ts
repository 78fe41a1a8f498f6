import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Batch } from '../../../src/contract/batch.js';
import { aFetch, anActivityBench, type ActivityBench } from '../../support/activity-bench.js';
import { aBatch, aSettlement, anAttempt, anItemSpec, itemSpecs } from '../../support/builders.js';

let bench: ActivityBench;
beforeEach(async () => {
  bench = await anActivityBench(() => Promise.resolve(aFetch()), { sweepAbove: 5, sweepPage: 3 });
});
afterEach(() => bench.close());

const refOf = ({ _id: batchId, projectId }: Batch) => ({ batchId, projectId });
const plan = (batch: Batch, fromSeq = 0, runId?: string) => bench.run('planRound', { ...refOf(batch), fromSeq }, runId);

describe('planRound', () => {
  it('gives every open item an activity of its own while few are open', async () => {
    const batch = await bench.batch({}, itemSpecs(5));
    await bench.store.items.settle(aSettlement(batch._id, 2));

    await expect(plan(batch)).resolves.toMatchObject({
      missing: false,
      totals: { open: 4, success: 1 },
      pages: [],
      items: [0, 1, 3, 4].map((seq) => ({ seq, host: 'cdn.example.com' })),
      nextSeq: 0,
      waitMs: 0,
    });
  });

  it('plans the pages that hold open items while many are open', async () => {
    const batch = await bench.batch({}, itemSpecs(10));
    for (const seq of [3, 4, 5]) await bench.store.items.settle(aSettlement(batch._id, seq));

    await expect(plan(batch)).resolves.toMatchObject({
      pages: [
        [0, 2],
        [6, 8],
        [9, 11],
      ],
      items: [],
    });
  });

  it('plans large items on their own beside the pages', async () => {
    const batch = await bench.batch({}, itemSpecs(10));
    for (const seq of [0, 1, 2, 7]) await bench.store.items.markSolo(batch._id, seq);

    const { pages, items } = await plan(batch);

    expect(pages).toEqual([
      [3, 5],
      [6, 8],
      [9, 11],
    ]);
    expect(items.map(({ seq }) => seq)).toEqual([0, 1, 2, 7]);
  });

  it('counts the batch when a round starts, and only whether anything is open when it goes on', async () => {
    const batch = await bench.batch({}, itemSpecs(20));
    for (const seq of [0, 1, 2, 12]) await bench.store.items.settle(aSettlement(batch._id, seq));

    expect((await plan(batch)).totals).toMatchObject({ open: 16, success: 4 });
    await expect(plan(batch, 9)).resolves.toMatchObject({
      totals: { open: 6, success: 0, bytes: 0 },
      pages: [
        [9, 11],
        [12, 14],
        [15, 17],
        [18, 20],
      ],
    });

    await bench.store.items.settleOpen(batch._id, 'cancelled', 'over');
    await expect(plan(batch, 9)).resolves.toMatchObject({ totals: { open: 0 }, pages: [], items: [], nextSeq: 0 });
  });

  it('finds due large items behind any number that back off, and never answers nothing to do at once', async () => {
    const batch = await bench.batch({}, itemSpecs(12));
    const later = new Date(Date.now() + 60_000);
    for (let seq = 0; seq < 12; seq++) await bench.store.items.markSolo(batch._id, seq);
    for (let seq = 0; seq < 10; seq++)
      await bench.store.items.recordAttempt(batch._id, seq, anAttempt(), 'Source answered 503', later);

    const { items } = await plan(batch);
    for (const seq of [10, 11]) await bench.store.items.recordAttempt(batch._id, seq, anAttempt(), 'The same', later);
    const idle = await plan(batch);

    expect(items.map(({ seq }) => seq)).toEqual([10, 11]);
    expect(idle).toMatchObject({ pages: [], items: [] });
    expect(idle.waitMs).toBeGreaterThanOrEqual(1_000);
  });

  it('leaves out what is not due and says how long until it is', async () => {
    const batch = await bench.batch({}, itemSpecs(2));
    const later = (ms: number) => new Date(Date.now() + ms);
    await bench.store.items.recordAttempt(batch._id, 0, anAttempt(), 'Source answered 503', later(60_000));
    const next = later(30_000);
    await bench.store.items.recordAttempt(batch._id, 1, anAttempt(), 'Source answered 503', next);

    const { items, waitMs } = await plan(batch);

    expect(items).toEqual([]);
    expect(waitMs).toBeGreaterThanOrEqual(next.getTime() - Date.now());
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

    await expect(plan(batch, 0, 'run-1')).resolves.toMatchObject({ totals: { open: 0, failed: 1 } });
    await expect(plan(batch, 0, 'run-2')).resolves.toMatchObject({
      totals: { open: 1, success: 1 },
      items: [{ seq: 1 }],
    });

    const reopened = await bench.store.batches.find(batch.projectId, batch._id);
    expect(reopened).toMatchObject({ state: 'started' });
    expect(reopened).not.toHaveProperty('finishedAt');
  });
});

describe('planRound for hosts that cool', () => {
  const cool = (host: string, tries: readonly Date[], coolingUntil = new Date(Date.now() + 60_000)) =>
    bench.store.hosts.changeTrouble(host, () => ({
      code: 'connect_failed',
      failures: 12,
      since: new Date('2026-11-24T12:00:00Z'),
      pauses: tries.length,
      tries,
      coolingUntil,
    }));
  const specsOf = (hosts: readonly string[]) => hosts.map((host, seq) => anItemSpec(seq, { host }));

  it('leaves their items out and waits for them, whether few are open or many', async () => {
    await cool('ill', [new Date()]);
    const few = await bench.batch({}, specsOf(['ill', 'well', 'ill']));
    const many = await bench.batch(
      {},
      specsOf([...Array<string>(6).fill('ill'), 'well', ...Array<string>(3).fill('ill')]),
    );
    const alone = await bench.batch({}, specsOf(Array<string>(9).fill('ill')));

    expect((await plan(few)).items).toEqual([{ seq: 1, host: 'well' }]);
    await expect(plan(many)).resolves.toMatchObject({ pages: [[6, 8]], items: [], waitMs: 0 });
    const idle = await plan(alone);
    expect(idle).toMatchObject({ pages: [], items: [], totals: { open: 9 } });
    expect(idle.waitMs).toBeGreaterThan(50_000);
  });

  it('tries one item when the pause is over', async () => {
    await cool('ill', [new Date()], new Date(Date.now() - 1));
    const batch = await bench.batch({}, specsOf(['ill', 'ill', 'ill']));

    await expect(plan(batch)).resolves.toMatchObject({ items: [{ host: 'ill' }], waitMs: 0 });
    expect((await plan(batch)).items).toHaveLength(1);
  });

  it('finds due large items behind any number whose host cools', async () => {
    await cool('ill', [new Date()]);
    const batch = await bench.batch({}, specsOf([...Array<string>(10).fill('ill'), 'well', 'well']));
    for (let seq = 0; seq < 12; seq++) await bench.store.items.markSolo(batch._id, seq);

    expect((await plan(batch)).items.map(({ seq }) => seq)).toEqual([10, 11]);
  });

  it('gives up on a host that was tried in vain since the batch was accepted as often as an item would be', async () => {
    const batch = await bench.batch({}, specsOf([...Array<string>(8).fill('ill'), 'well']));
    const tried = (count: number) => Array.from({ length: count }, () => new Date(Date.now() + 1_000));
    await cool('ill', [new Date(0), ...tried(2)]);
    await expect(plan(batch)).resolves.toMatchObject({ totals: { open: 9, failed: 0 } });

    await cool('ill', tried(3));

    await expect(plan(batch)).resolves.toMatchObject({ totals: { open: 1, failed: 8 }, pages: [[6, 8]] });
    await expect(bench.store.items.find(batch._id, 7)).resolves.toMatchObject({
      state: 'failed',
      code: 'connect_failed',
      attempts: 0,
      reason: 'ill has not answered since 2026-11-24 12:00 UTC; 3 tries by items of this and other imports failed',
    });
  });

  it('tries as often again when an operator has opened the batch again', async () => {
    const batch = await bench.batch({}, specsOf(['ill']));
    await bench.run('finishBatch', { ...refOf(batch), outcome: 'cancelled' }, 'run-1');
    // After it was accepted by a store whose clock stands still, and before it is opened again.
    await bench.store.batches.touch(batch._id);
    const tried = new Date((await bench.store.batches.find(batch.projectId, batch._id))?.touchedAt ?? 0);
    await cool('ill', [tried, tried, tried]);
    bench.advance(1);

    await expect(plan(batch, 0, 'run-2')).resolves.toMatchObject({ totals: { open: 1, failed: 0 } });
  });
});

describe('finishBatch', () => {
  const webhook = 'https://client.example.com/done';

  it('opens a message of its own for the end of a run that a reset started', async () => {
    const batch = await bench.batch({ webhook });
    await bench.run('finishBatch', { ...refOf(batch), outcome: 'cancelled' }, 'run-1');
    await plan(batch, 0, 'run-2');
    await bench.store.items.settle(aSettlement(batch._id, 0));

    const result = await bench.run('finishBatch', { ...refOf(batch), outcome: 'success' }, 'run-2');

    expect(result).toMatchObject({ state: 'success', webhook: { webhookId: `msg_${batch._id}_2` } });
  });

  it('counts from the items, ends the batch and opens the message of its webhook', async () => {
    const batch = await bench.batch({ webhook }, itemSpecs(3));
    await bench.store.items.settle(aSettlement(batch._id, 0));
    await bench.store.items.settle(aSettlement(batch._id, 1, { state: 'skipped', code: 'already_exists' }));
    await bench.store.items.settle(aSettlement(batch._id, 2, { state: 'failed', code: 'http_404' }));

    const result = await bench.run('finishBatch', { ...refOf(batch), outcome: 'success' });

    expect(result).toEqual({
      state: 'success',
      counts: { success: 1, skipped: 1, failed: 1 },
      webhook: { webhookId: `msg_${batch._id}_1`, delayMs: 0 },
    });
    expect(await bench.store.deliveries.listByBatch(batch.projectId, batch._id)).toMatchObject([
      { state: 'pending', attempts: [] },
    ]);
  });

  it('answers the same and changes nothing when it is repeated', async () => {
    const batch = await bench.batch({ webhook });
    await bench.store.items.settle(aSettlement(batch._id, 0));

    const first = await bench.run('finishBatch', { ...refOf(batch), outcome: 'success' });
    const finishedAt = (await bench.store.batches.find(batch.projectId, batch._id))?.finishedAt;
    const second = await bench.run('finishBatch', { ...refOf(batch), outcome: 'success' });

    expect(second).toEqual(first);
    expect((await bench.store.batches.find(batch.projectId, batch._id))?.finishedAt).toEqual(finishedAt);
    expect(await bench.store.deliveries.listByBatch(batch.projectId, batch._id)).toHaveLength(1);
  });

  it('settles what a cancellation left open', async () => {
    const batch = await bench.batch({}, itemSpecs(2));
    await bench.store.items.settle(aSettlement(batch._id, 0));

    const result = await bench.run('finishBatch', { ...refOf(batch), outcome: 'cancelled' });

    expect(result).toEqual({ state: 'failed', counts: { success: 1, skipped: 0, failed: 1 }, webhook: null });
    expect(await bench.store.items.find(batch._id, 1)).toMatchObject({ state: 'failed', code: 'cancelled' });
  });

  it('has nothing to end when a batch was refused before its cancellation', async () => {
    const gone = aBatch();

    const result = await bench.run('finishBatch', { ...refOf(gone), outcome: 'cancelled' });

    expect(result).toEqual({ state: 'failed', counts: { success: 0, skipped: 0, failed: 0 }, webhook: null });
  });

  it('refuses to call a batch done that has open items', async () => {
    const batch = await bench.batch();

    await expect(bench.run('finishBatch', { ...refOf(batch), outcome: 'success' })).rejects.toThrow(
      '1 items are still open',
    );
  });
});
