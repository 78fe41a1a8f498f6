import type { ItemResult, RoundPlan, SweepResult } from '../src/contract/activity-types.js';
import type { ImportBatchInput, ImportProgress } from '../src/contract/workflow-names.js';

/** The state of a batch before its first round. */
export function initialProgress(input: ImportBatchInput, startedAt: Date): ImportProgress {
  const counts = { total: input.itemCount, open: input.itemCount, success: 0, skipped: 0, failed: 0 };
  return { startedAt: startedAt.toISOString(), round: 0, counts, bytes: 0, nextSeq: 0 };
}

/** A plan that starts a round brings the true counts: whatever a crash left uncounted is in them. */
export function withPlan(progress: ImportProgress, plan: RoundPlan): ImportProgress {
  if (progress.nextSeq !== 0) return { ...progress, nextSeq: plan.nextSeq };
  const { bytes, ...counts } = plan.totals;
  return {
    ...progress,
    round: progress.round + 1,
    counts: { total: progress.counts.total, ...counts },
    bytes,
    nextSeq: plan.nextSeq,
  };
}

/** Adds what one page settled. */
export function withSweep(progress: ImportProgress, swept: SweepResult): ImportProgress {
  const { counts } = progress;
  return {
    ...progress,
    bytes: progress.bytes + swept.bytes,
    counts: {
      total: counts.total,
      // A page that was swept twice, because its worker was killed, must not make this negative.
      open: Math.max(0, counts.open - swept.success - swept.skipped - swept.failed),
      success: counts.success + swept.success,
      skipped: counts.skipped + swept.skipped,
      failed: counts.failed + swept.failed,
    },
  };
}

/** Adds how one item ended. */
export function withItem(progress: ImportProgress, item: ItemResult): ImportProgress {
  const one = (state: ItemResult['state']): number => (item.state === state ? 1 : 0);
  return withSweep(progress, {
    success: one('success'),
    skipped: one('skipped'),
    failed: one('failed'),
    bytes: item.bytes,
  });
}
