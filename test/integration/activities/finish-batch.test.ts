import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Batch } from '../../../src/domain/import.js';
import { aFetch, anActivityBench, type ActivityBench } from '../../support/activity-bench.js';
import { aBatch, aSettlement, itemSpecs } from '../../support/builders.js';

let bench: ActivityBench;
beforeEach(async () => {
  bench = await anActivityBench(() => Promise.resolve(aFetch()));
});
afterEach(() => bench.close());

const refOf = ({ _id: batchId, projectId }: Batch) => ({ batchId, projectId });
const reopen = (batch: Batch, runId: string) =>
  bench.run(
    'planWork',
    { ...refOf(batch), beforeSeq: 1, known: { seqs: [], pages: [], hosts: [] }, count: true },
    runId,
  );

describe('finishBatch', () => {
  const webhook = 'https://client.example.com/done';

  it('opens a message of its own for the end of a run that a reset started', async () => {
    const batch = await bench.batch({ webhook });
    await bench.run('finishBatch', { ...refOf(batch), outcome: 'cancelled' }, 'run-1');
    await reopen(batch, 'run-2');
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
      failures: [{ code: 'http_404', host: 'cdn.example.com', count: 1 }],
      webhook: { webhookId: `msg_${batch._id}_1`, delayMs: 0, generation: 1 },
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

    expect(result).toEqual({
      ...{ state: 'failed', counts: { success: 1, skipped: 0, failed: 1 }, webhook: null },
      failures: [{ code: 'cancelled', host: 'cdn.example.com', count: 1 }],
    });
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

  it('tells how many items are open instead of failing, when it is asked to, and ends nothing then', async () => {
    const batch = await bench.batch({ webhook }, itemSpecs(3));
    await bench.store.items.settle(aSettlement(batch._id, 0));

    const result = await bench.run('finishBatch', { ...refOf(batch), outcome: 'success', mayBeOpen: true });

    expect(result).toEqual({
      ...{ state: 'started', counts: { success: 1, skipped: 0, failed: 0 }, webhook: null },
      open: 2,
    });
    await expect(bench.store.batches.find(batch.projectId, batch._id)).resolves.toMatchObject({ state: 'started' });
    expect(await bench.store.deliveries.listByBatch(batch.projectId, batch._id)).toEqual([]);
  });

  it('notes when the import began, where no gateway has', async () => {
    const batch = aBatch();
    await bench.store.batches.insert(batch);
    await bench.store.items.insertMany(batch, itemSpecs(1));
    await bench.store.batches.markAccepted(batch._id, { itemCount: 1, importSeq: 1 });
    await bench.store.items.settle(aSettlement(batch._id, 0));
    const startedAt = '2026-11-24T12:00:00.000Z';

    await bench.run('finishBatch', { ...refOf(batch), outcome: 'success', startedAt });

    await expect(bench.store.batches.find(batch.projectId, batch._id)).resolves.toMatchObject({
      state: 'success',
      startedAt: new Date(startedAt),
    });
  });
});
