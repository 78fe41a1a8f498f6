import { describe, expect, it } from '@jest/globals';
import type { ItemTotals } from '../../../src/store/store.js';
import type { ImportProgress } from '../../../src/temporal/names.js';
import { createKnownCounts } from '../../../src/api/imports/known-counts.js';
import { aBatch } from '../../support/builders.js';

const LARGE = 1_000_000;

/** Counts of one import, each of which ends when the test says so. */
function heldCounts() {
  const counts: ((totals: ItemTotals | Error) => void)[] = [];
  const known = createKnownCounts({
    totals: () =>
      new Promise((resolve, reject) => {
        counts.push((outcome) => {
          if (outcome instanceof Error) reject(outcome);
          else resolve(outcome);
        });
      }),
  });
  return { counts, known };
}

const aTotal = (success: number, total = LARGE): ItemTotals => {
  return { open: total - success, success, skipped: 0, failed: 0, bytes: 10 * success };
};
const told = (success: number, total = LARGE) => {
  const { bytes, ...counts } = aTotal(success, total);
  return { counts: { total, ...counts }, bytes };
};
const progressOf = (success: number): ImportProgress => {
  return { ...told(success), startedAt: new Date(0).toISOString(), round: 1, nextSeq: 0 };
};

describe('the counts of an import', () => {
  it('are those of its run at once where the run answered before, while the database counts a million items', async () => {
    const { counts, known } = heldCounts();
    const batch = aBatch({ itemCount: LARGE });

    await expect(known(batch, progressOf(500))).resolves.toEqual(told(500));
    await expect(known(batch, null)).resolves.toEqual(told(500));
    await expect(known(batch, null)).resolves.toEqual(told(500));

    expect(counts).toHaveLength(1);
    counts[0]?.(aTotal(700));
    await Promise.resolve();
    await expect(known(batch, null)).resolves.toEqual(told(700));
  });

  it('are counted while the asker waits when nothing is known, once for all askers', async () => {
    const { counts, known } = heldCounts();
    const batch = aBatch({ itemCount: LARGE });

    const askers = [known(batch, null), known(batch, null)];
    counts[0]?.(aTotal(3));

    await expect(Promise.all(askers)).resolves.toEqual([told(3), told(3)]);
    expect(counts).toHaveLength(1);
  });

  it('are counted anew for a small import, which takes one command', async () => {
    const { counts, known } = heldCounts();
    const batch = aBatch({ itemCount: 10 });
    await known(batch, { ...progressOf(2), ...told(2, 10) });

    const answer = known(batch, null);
    counts[0]?.(aTotal(4, 10));

    await expect(answer).resolves.toEqual(told(4, 10));
  });

  it('outlive a count that fails', async () => {
    const { counts, known } = heldCounts();
    const batch = aBatch({ itemCount: LARGE });
    await known(batch, progressOf(500));

    await known(batch, null);
    counts[0]?.(new Error('the database is away'));

    await expect(known(batch, null)).resolves.toEqual(told(500));
  });

  it('are those of the record when the import has ended', async () => {
    const { counts, known } = heldCounts();
    const ended = aBatch({ itemCount: 6, state: 'success', counts: { success: 1, skipped: 2, failed: 3 }, bytes: 7 });

    await expect(known(ended, null)).resolves.toEqual({
      counts: { total: 6, open: 0, success: 1, skipped: 2, failed: 3 },
      bytes: 7,
    });
    expect(counts).toHaveLength(0);
  });
});
