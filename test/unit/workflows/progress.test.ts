import { describe, expect, it } from '@jest/globals';
import { initialProgress, withItem, withPlan, withSweep } from '../../../workflows/progress.js';

const input = { projectId: 'p', batchId: 'b', kind: 'video', itemCount: 10 } as const;
const start = initialProgress(input, new Date('2026-01-02T03:04:05Z'));
const plan = {
  missing: false,
  totals: { open: 4, success: 3, skipped: 2, failed: 1, bytes: 77 },
  pages: [],
  items: [],
  nextSeq: 0,
  waitMs: 0,
};

describe('the progress of a batch', () => {
  it('starts with everything open', () => {
    expect(start).toEqual({
      startedAt: '2026-01-02T03:04:05.000Z',
      round: 0,
      counts: { total: 10, open: 10, success: 0, skipped: 0, failed: 0 },
      bytes: 0,
      nextSeq: 0,
    });
  });

  it('takes the true counts from the plan that starts a round', () => {
    expect(withPlan(start, plan)).toMatchObject({ round: 1, bytes: 77, counts: { total: 10, open: 4, success: 3 } });
  });

  it('keeps round and counts when a plan only carries a round on', () => {
    const midway = { ...start, round: 2, nextSeq: 500 };

    expect(withPlan(midway, { ...plan, nextSeq: 1000 })).toEqual({ ...midway, nextSeq: 1000 });
  });

  it('adds what a page settled, and never counts below zero when a page was swept twice', () => {
    const swept = { success: 6, skipped: 1, failed: 1, bytes: 5 };
    const twice = withSweep(withSweep(start, swept), swept);

    expect(twice.counts).toEqual({ total: 10, open: 0, success: 12, skipped: 2, failed: 2 });
    expect(twice.bytes).toBe(10);
  });

  it.each([
    ['success', { open: 9, success: 1, skipped: 0, failed: 0 }],
    ['skipped', { open: 9, success: 0, skipped: 1, failed: 0 }],
    ['failed', { open: 9, success: 0, skipped: 0, failed: 1 }],
    ['open', { open: 10, success: 0, skipped: 0, failed: 0 }],
  ] as const)('counts an item that ended as %s', (state, counts) => {
    expect(withItem(start, { state, bytes: 3 })).toMatchObject({ bytes: 3, counts });
  });
});
