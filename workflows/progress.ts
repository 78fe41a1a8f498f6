import type { ItemResult, RoundPlan, SweepResult, WorkPlan } from '../src/temporal/activity-api.js';
import type { ImportBatchInput, ImportProgress } from '../src/temporal/names.js';

/** What is remembered of what was settled lately: enough for a rate, and small in the answer of a query. */
const RECENT_SECONDS = 60;
const BUCKET_SECONDS = 10;

/** The state of a batch before anything was tried. */
export function initialProgress(input: ImportBatchInput, startedAt: Date): ImportProgress {
  const counts = { total: input.itemCount, open: input.itemCount, success: 0, skipped: 0, failed: 0 };
  return { startedAt: startedAt.toISOString(), round: 0, counts, bytes: 0, nextSeq: 0 };
}

/** A plan that starts a round brings the true counts: whatever a crash left uncounted is in them. */
export function withPlan(progress: ImportProgress, plan: RoundPlan): ImportProgress {
  if (progress.nextSeq !== 0) return { ...progress, nextSeq: plan.nextSeq };
  return { ...withTotals(progress, plan.totals), round: progress.round + 1, nextSeq: plan.nextSeq };
}

/** The true counts, as a plan has read them. */
export function withTotals(progress: ImportProgress, totals: NonNullable<WorkPlan['totals']>): ImportProgress {
  const { bytes, ...counts } = totals;
  return { ...progress, counts: { total: progress.counts.total, ...counts }, bytes };
}

/** Adds what one page settled. */
export function withSweep(
  progress: ImportProgress,
  swept: Pick<SweepResult, 'success' | 'skipped' | 'failed' | 'bytes'>,
  now = 0,
): ImportProgress {
  const { counts } = progress;
  const settled = swept.success + swept.skipped + swept.failed;
  return {
    ...progress,
    bytes: progress.bytes + swept.bytes,
    counts: {
      total: counts.total,
      // A page that was swept twice, because its worker was killed, must not make this negative.
      open: Math.max(0, counts.open - settled),
      success: counts.success + swept.success,
      skipped: counts.skipped + swept.skipped,
      failed: counts.failed + swept.failed,
    },
    ...(now > 0 && settled > 0 && { recent: withRecent(progress.recent ?? [], now, settled, swept.bytes) }),
  };
}

/** Adds how one item ended. */
export function withItem(progress: ImportProgress, item: ItemResult, now = 0): ImportProgress {
  const one = (state: ItemResult['state']): number => (item.state === state ? 1 : 0);
  const swept = { success: one('success'), skipped: one('skipped'), failed: one('failed'), bytes: item.bytes };
  return withSweep(progress, swept, now);
}

function withRecent(
  recent: NonNullable<ImportProgress['recent']>,
  now: number,
  items: number,
  bytes: number,
): NonNullable<ImportProgress['recent']> {
  const seconds = Math.floor(now / 1_000);
  const bucket = seconds - (seconds % BUCKET_SECONDS);
  const kept = recent.filter(([at]) => at > seconds - RECENT_SECONDS - BUCKET_SECONDS && at !== bucket);
  const [, knownItems = 0, knownBytes = 0] = recent.find(([at]) => at === bucket) ?? [];
  return [...kept, [bucket, knownItems + items, knownBytes + bytes]];
}
