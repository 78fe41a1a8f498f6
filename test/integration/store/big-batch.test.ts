import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newBatchId } from '../../../src/domain/ids.js';
import { aSettlement, itemSpecs } from '../../support/builders.js';
import { aTestStore, type TestStore } from '../../support/store.js';

const ITEMS = 10_000;
const SETTLED = 2_000;
/** About 10 s on two idle cores with the MongoDB emulator, a minute on busy ones; a hang or a scan for each write takes longer. */
const BOUND_MS = 300_000;

let test: TestStore;

beforeAll(async () => {
  test = await aTestStore();
});
afterAll(() => test.close());

describe('a batch of 10,000 items', () => {
  it(
    'is stored, planned, settled page by page, counted and listed in bounded time',
    async () => {
      const { items } = test.store;
      const batchId = newBatchId();

      await items.insertMany({ _id: batchId, projectId: 'project' }, itemSpecs(ITEMS));
      const planned = await items.openFrom(batchId, 0, ITEMS);
      for (let from = 0; from < SETTLED; from += 200) {
        const page = await items.openInRange(batchId, from, from + 199, test.now());
        await Promise.all(page.map(({ seq }) => items.settle(aSettlement(batchId, seq))));
      }
      const totals = await items.totals(batchId);
      let listed = 0;
      for await (const { seq } of items.stream(batchId)) if (seq === listed) listed += 1;

      expect(planned).toHaveLength(ITEMS);
      expect(totals).toEqual({
        open: ITEMS - SETTLED,
        success: SETTLED,
        skipped: 0,
        failed: 0,
        bytes: SETTLED * 1_000,
      });
      expect(listed).toBe(ITEMS);
    },
    BOUND_MS,
  );
});
