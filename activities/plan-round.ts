import { Context } from '@temporalio/activity';
import type { PlanRoundInput, RoundPlan } from '../src/contract/activity-types.js';
import type { Batch } from '../src/contract/batch.js';
import { mayBeAsked } from '../src/contract/host-state.js';
import type { HostRecord } from '../src/contract/hosts.js';

import type { ActivityDeps } from './deps.js';
import { dueItems, type OpenItem } from './due-items.js';
import { settleHopeless } from './settle-hopeless.js';

/** Items planned at a time: 400 pages of 50 keep the plan below 20 KiB and a run's history short of continue-as-new. */
const PLAN_ITEMS = 20_000;
/** From here on a batch keeps 8 lanes busy for long with pages of twice the size. */
const LARGE_ITEMS = 5_000;
/** A plan with nothing to do must never be followed by another at once: every plan is history. */
const SHORTEST_WAIT_MS = 1_000;
/** A batch whose open items are all far from due is looked at again after this at the latest. */
const LONGEST_WAIT_MS = 15 * 60_000;
/** A round of several plans sees only its last part at the end, so it waits briefly before looking at the whole again. */
const LONG_ROUND_WAIT_MS = 5_000;

/**
 * Decides what a round does next: an activity an item while few are open, else sweeps of pages. Items of a host that cools are
 * left out: they wait in the database, and cost nothing.
 */
export function createPlanRound(deps: ActivityDeps) {
  return async ({ projectId, batchId, fromSeq }: PlanRoundInput): Promise<RoundPlan> => {
    const { batches, items } = deps.store;
    await batches.markStarted(batchId, new Date());
    const found = await batches.find(projectId, batchId);
    const batch = found && (await reopenedAfterReset(deps, found));
    let totals = fromSeq === 0 ? await items.totals(batchId) : await stillOpen(deps, batchId);
    // A batch that is only stored was refused: its client was answered 503 and will post again.
    const missing = batch === null || batch.state === 'storing';
    const plan = { missing, totals, pages: [], items: [], nextSeq: 0, waitMs: 0 };
    if (missing || totals.open === 0) return plan;

    const isSmall = totals.open <= deps.sweepAbove;
    const limit = isSmall ? deps.sweepAbove : PLAN_ITEMS;
    let open = await items.openFrom(batchId, isSmall ? 0 : fromSeq, limit);
    const unwell = await unwellHosts(deps, open);
    if (await settleHopeless(deps, batch, unwell)) {
      [totals, open] = await Promise.all([
        items.totals(batchId),
        items.openFrom(batchId, isSmall ? 0 : fromSeq, limit),
      ]);
      if (totals.open === 0) return { ...plan, totals };
    }
    const choice = { now: deps.hosts.now(), ratePoints: deps.hosts.ratePoints };
    const { due, waitMs } = dueItems(open, unwell, choice);
    const wait = Math.min(LONGEST_WAIT_MS, waitMs);
    if (isSmall) return { ...plan, totals, items: due.map(planned), waitMs: wait };

    const swept = due.filter((item) => item.solo !== true);
    const pages = pagesOf(swept, pageSize(deps, batch));
    const last = open.at(-1);
    if (open.length === PLAN_ITEMS && last !== undefined) return { ...plan, totals, pages, nextSeq: last.seq + 1 };
    // The end of the round: what sweeps could not handle gets its own activities, as many as a small batch would have.
    const solo = await dueSolo(deps, batchId, unwell);
    const idle = pages.length === 0 && solo.length === 0;
    const idleMs = Math.max(SHORTEST_WAIT_MS, fromSeq === 0 ? wait : LONG_ROUND_WAIT_MS);
    return { ...plan, totals, pages, items: solo.map(planned), waitMs: idle ? idleMs : 0 };
  };
}

function unwellHosts(deps: ActivityDeps, open: readonly OpenItem[]): Promise<HostRecord[]> {
  return deps.hosts.unwell(open.map(({ host }) => host));
}

/** The first due items that were taken out of sweeps, past any number of those whose host cools. */
async function dueSolo(
  deps: ActivityDeps,
  batchId: string,
  known: readonly HostRecord[],
): Promise<readonly OpenItem[]> {
  const limit = Math.max(1, deps.sweepAbove);
  const unwell = new Map(known.map((record) => [record.host, record]));
  for (;;) {
    const now = deps.hosts.now();
    const notOf = [...unwell.values()].flatMap((record) => (mayBeAsked(record, now) ? [] : [record.host]));
    const open = await deps.store.items.openFrom(batchId, 0, limit, { solo: true, dueBy: now, notOf });
    const found = (await unwellHosts(deps, open)).filter(({ host }) => !unwell.has(host));
    const { due } = dueItems(open, [...unwell.values(), ...found], { now, ratePoints: deps.hosts.ratePoints });
    // Each further look leaves out at least one host more.
    if (due.length > 0 || found.length === 0) return due;
    for (const record of found) unwell.set(record.host, record);
  }
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
 * is open again. A late activity of the run that ended must not do that. The same holds for a batch that a gateway is ending.
 * @returns the batch as it is then
 * @throws Error while a gateway is ending it, so that nothing is settled behind what is opened here; the plan is tried again
 */
async function reopenedAfterReset(deps: ActivityDeps, batch: Batch): Promise<Batch | null> {
  const isEnded = batch.state === 'failed' || (batch.state === 'started' && batch.endingAt !== undefined);
  if (!isEnded || batch.endedRunId === Context.current().info.workflowExecution?.runId) return batch;
  if (await deps.store.batches.isBeingEnded(batch._id))
    throw new Error('A gateway is ending the import; the plan is made when it is done');
  await deps.store.items.reopen(batch._id, 'cancelled');
  await deps.store.batches.reopen(batch._id);
  return deps.store.batches.find(batch.projectId, batch._id);
}

function planned({ seq, host }: OpenItem): { seq: number; host: string } {
  return { seq, host };
}

/**
 * Items of a page of this batch, in all of its plans the same. A page costs about six events and as many writes of Temporal
 * whatever is in it, which a batch that has enough pages to keep all lanes busy halves.
 */
function pageSize({ sweepPage }: ActivityDeps, { itemCount }: Batch): number {
  return itemCount > LARGE_ITEMS ? 2 * sweepPage : sweepPage;
}

/** Ranges of consecutive item numbers, aligned to multiples of the page size, that hold at least one of the items. */
function pagesOf(open: readonly OpenItem[], size: number): [number, number][] {
  const starts = new Set(open.map(({ seq }) => seq - (seq % size)));
  return [...starts].map((from) => [from, from + size - 1]);
}
