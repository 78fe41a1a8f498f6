import { readFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { BSON } from 'mongodb';
import { demandOf, DOCUMENT_BYTES, type ItemCosts, renderModel } from '../../../bench/model.js';
import { newStoredItem, settlementUpdate } from '../../../src/store/item-documents.js';
import { anAsset, anAttempt, anItemSpec } from '../../support/builders.js';

const COSTS: ItemCosts = {
  measured: 'a day',
  cpuMs: { gateway: 0.1, worker: 0.5, temporal: 0.2, mongodb: 0.4 },
  workerCpuMsPerMib: 2,
  historyEvents: 0.08,
  historyBytes: 20,
  mongoCommands: 0.2,
  mongoWrites: 3,
};

describe('the load model', () => {
  it('counts the starts, plans, pages and the end of every batch', () => {
    const load = { name: 'some', items: 100_000, batch: 10_000, bytesPerItem: 0 };

    // Ten batches of 200 pages, a plan, and five for start, end and webhook.
    expect(demandOf(load, COSTS).actions).toBe(10 * (200 + 1 + 5));
    expect(demandOf({ ...load, batch: 100_000 }, COSTS).actions).toBe(2_000 + 5 + 5);
  });

  it('adds what the bytes cost the worker to what the item costs', () => {
    const { cpuHours, itemsPerWorkerSecond, transferredBytes } = demandOf(
      { name: 'large', items: 3_600_000, batch: 10_000, bytesPerItem: 1024 ** 2 },
      COSTS,
    );

    expect(cpuHours).toEqual({ gateway: 0.1, worker: 2.5, temporal: 0.2, mongodb: 0.4 });
    expect(itemsPerWorkerSecond).toBe(400);
    expect(transferredBytes).toBe(2 * 3_600_000 * 1024 ** 2);
  });

  it('knows how large stored items are', () => {
    const spec = anItemSpec(12_345, {
      url: `https://cdn.example.com/media/2024/11/video-0012345.mp4?token=${'a'.repeat(40)}`,
      externalId: 'video-0012345',
      metadata: { title: 'A title of some forty characters, or so' },
    });
    const item = newStoredItem({ _id: 'abcdefghijkl', projectId: 'my-project' }, spec, new Date());
    const end = { state: 'success', mediaId: 'b'.repeat(20), action: 'created', asset: anAsset() } as const;
    const ended = settlementUpdate(
      { batchId: item.batchId, seq: item.seq, ...end, attempt: anAttempt({ bytes: 1_000 }) },
      'aaaaaaaaaaaa.abc',
      new Date(),
    );
    const bytes = BSON.calculateObjectSize({ ...item, ...(ended.$set as object) });

    expect(Math.abs(bytes - DOCUMENT_BYTES.item)).toBeLessThan(DOCUMENT_BYTES.item * 0.1);
  });

  it('makes the table that docs/scaling.md shows', async () => {
    const read = (path: string) => readFile(new URL(`../../../${path}`, import.meta.url), 'utf8');
    const costs = JSON.parse(await read('bench/model-costs.json')) as ItemCosts;

    expect(await read('docs/scaling.md')).toContain(renderModel(costs));
  });
});
