import { Context } from '@temporalio/activity';
import type { PlanRoundInput, RoundPlan } from '../src/contract/activity-types.js';
import type { Batch } from '../src/contract/batch.js';
import type { Item } from '../src/contract/item.js';
import type { ActivityDeps } from './deps.js';

/** Items planned at a time: 400 pages of 50 keep the plan below 20 KiB and a run's history short of continue-as-new. */
const PLAN_ITEMS = 20_000;
/** A plan with nothing to do must never be followed by another at once: every plan is history. */
const SHORTEST_WAIT_MS = 1_000;
/** A batch whose open items are all far from due is looked at again after this at the latest. */
const LONGEST_WAIT_MS = 15 * 60_000;
/** A round of several plans sees only its last part at the end, so it waits briefly before looking at the whole again. */
const LONG_ROUND_WAIT_MS = 5_000;

type OpenItem = Pick<Item, 'seq' | 'host' | 'solo' | 'nextAttemptAt'>;

/** Decides what a round does next: an activity an item while few are open, else sweeps of pages. */
export function createPlanRound(deps: ActivityDeps) {
  return async ({ projectId, batchId, fromSeq }: PlanRoundInput): Promise<RoundPlan> => {
    const { batches, items } = deps.store;
    await batches.markStarted(batchId, new Date());
    const batch = await batches.find(projectId, batchId);
    if (batch !== null) await reopenAfterReset(deps, batch);
    const totals = fromSeq === 0 ? await items.totals(batchId) : await stillOpen(deps, batchId);
    // A batch that is only stored was refused: its client was answered 503 and will post again.
    const missing = batch === null || batch.state === 'storing';
    const nothing = { missing, totals, pages: [], items: [], nextSeq: 0, waitMs: 0 };
    if (missing || totals.open === 0) return nothing;

    const now = Date.now();
    if (totals.open <= deps.sweepAbove) {
      const open = await items.openFrom(batchId, 0, deps.sweepAbove);
      return { ...nothing, items: open.filter((item) => isDue(item, now)).map(planned), waitMs: waitMs(open, now) };
    }
    const open = await items.openFrom(batchId, fromSeq, PLAN_ITEMS);
    const pages = pagesOf(
      open.filter((item) => item.solo !== true && isDue(item, now)),
      deps.sweepPage,
    );
    const last = open.at(-1);
    if (open.length === PLAN_ITEMS && last !== undefined) return { ...nothing, pages, nextSeq: last.seq + 1 };
    // The end of the round: what sweeps could not handle gets its own activities, as many as a small batch would have.
    const due = { solo: true, dueBy: new Date(now) } as const;
    const solo = await items.openFrom(batchId, 0, Math.max(1, deps.sweepAbove), due);
    const idle = pages.length === 0 && solo.length === 0;
    const wait = fromSeq === 0 ? waitMs(open, now) : LONG_ROUND_WAIT_MS;
    return { ...nothing, pages, items: solo.map(planned), waitMs: idle ? Math.max(SHORTEST_WAIT_MS, wait) : 0 };
  };
}

/**
 * Stands in for the totals of a plan that goes on with a round: counting a million items anew for each of its 50 plans would read
 * fifty times as much as the round works on. `open` is exact up to what a plan decides by, `sweepAbove` and one more.
 */
async function stillOpen({ store, sweepAbove }: ActivityDeps, batchId: string): Promise<RoundPlan['totals']> {
  const open = await store.items.openFrom(batchId, 0, sweepAbove + 1);
  return { open: open.length, success: 0, skipped: 0, failed: 0, bytes: 0 };
}

/**
 * A batch that ended as failed is planned again only by a run that an operator started with a reset: what the end had settled
 * is open again. A late activity of the run that ended must not do that.
 */
async function reopenAfterReset(deps: ActivityDeps, batch: Batch): Promise<void> {
  if (batch.state !== 'failed' || batch.endedRunId === Context.current().info.workflowExecution?.runId) return;
  await deps.store.items.reopen(batch._id, 'cancelled');
  await deps.store.batches.reopen(batch._id);
}

function isDue(item: OpenItem, now: number): boolean {
  return item.nextAttemptAt === undefined || item.nextAttemptAt.getTime() <= now;
}

function planned({ seq, host }: OpenItem): { seq: number; host: string } {
  return { seq, host };
}

/** Until the earliest of the open items is due; 0 when one is due already. */
function waitMs(open: readonly OpenItem[], now: number): number {
  const earliest = Math.min(...open.map((item) => item.nextAttemptAt?.getTime() ?? now));
  return Math.min(LONGEST_WAIT_MS, Math.max(0, earliest - now));
}

/** Ranges of consecutive item numbers, aligned to multiples of the page size, that hold at least one of the items. */
function pagesOf(open: readonly OpenItem[], size: number): [number, number][] {
  const starts = new Set(open.map(({ seq }) => seq - (seq % size)));
  return [...starts].map((from) => [from, from + size - 1]);
}
