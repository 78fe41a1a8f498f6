import { Context } from '@temporalio/activity';
import type { PlanRoundInput, PlanWorkInput, RoundPlan, Trouble, WorkPlan } from '../src/temporal/activity-api.js';
import type { Batch } from '../src/domain/import.js';
import { planOpen } from '../src/item/plan.js';
import { withHeartbeat, type ActivityDeps, type Beat } from './deps.js';

const NONE = { pages: [], items: [], more: false, waitMs: null };
/** A plan of rounds with nothing to do must never be followed by another at once: every plan is history. */
const SHORTEST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 15 * 60_000;

/**
 * Tells an import what may be tried now. Reads only, except that it opens a batch again that an operator has reset; so it may run
 * twice.
 */
export function createPlanWork(deps: ActivityDeps) {
  return (input: PlanWorkInput): Promise<WorkPlan> => withHeartbeat((_signal, beat) => plan(deps, input, beat));
}

/** The same for the rounds of workflows before 0.3.0, which leave their rounds after it. */
export function createPlanRound(deps: ActivityDeps) {
  return ({ projectId, batchId }: PlanRoundInput): Promise<RoundPlan> =>
    withHeartbeat(async (_signal, beat) => {
      const known = { seqs: [], pages: [], hosts: [] };
      const all = { projectId, batchId, beforeSeq: Number.MAX_SAFE_INTEGER, known, count: true };
      const { missing, totals, pages, items, waitMs } = await plan(deps, all, beat);
      const none = { open: 0, success: 0, skipped: 0, failed: 0, bytes: 0 };
      const isIdle = pages.length + items.length === 0;
      return {
        missing,
        totals: totals ?? none,
        pages: pages.map(([from, to]) => [from, to]),
        items,
        nextSeq: 0,
        waitMs: isIdle ? Math.min(LONGEST_WAIT_MS, Math.max(SHORTEST_WAIT_MS, waitMs ?? 0)) : 0,
      };
    });
}

/** Failures that the Temporal UI shows; more would not be read there. */
const MOST_TROUBLES = 5;

/** The most frequent failures of an import. */
export async function troublesOf({ store }: Pick<ActivityDeps, 'store'>, batchId: string): Promise<readonly Trouble[]> {
  const groups = await store.items.failureGroups(batchId);
  return groups.slice(0, MOST_TROUBLES).map(({ code, host, count }) => ({ code, host, count }));
}

async function plan(
  deps: ActivityDeps,
  { projectId, batchId, beforeSeq, known, count, troubles = false }: PlanWorkInput,
  beat: Beat,
): Promise<WorkPlan> {
  const begunAt = performance.now();
  const { batches, items } = deps.store;
  await batches.markStarted(batchId, new Date());
  const found = await batches.find(projectId, batchId);
  const batch = found && (await reopenedAfterReset(deps, found, beat));
  const facts = { ofHost: deps.hosts.sharedMax, tookMs: 0 };
  // A batch that is only stored was refused: its client was answered 503 and will post again.
  if (batch === null || batch.state === 'storing') return { missing: true, totals: null, ...NONE, ...facts };
  const planned = await planOpen(deps, batch, { beforeSeq, known });
  const totals = count ? await items.totals(batchId, beat) : null;
  const told = troubles ? { troubles: await troublesOf(deps, batchId) } : {};
  const tookMs = Math.round(performance.now() - begunAt);
  deps.logger.debug(
    { projectId, batchId, pages: planned.pages.length, items: planned.items.length, tookMs },
    'planned what is due',
  );
  return { missing: false, totals, ...told, ...planned, tookMs };
}

/**
 * A batch that ended as failed is planned again only by a run that an operator started with a reset: what the end had settled
 * is open again. A late activity of the run that ended must not do that. The same holds for a batch that a gateway is ending.
 * @returns the batch as it is then
 * @throws Error while a gateway is ending it, so that nothing is settled behind what is opened here; the plan is tried again
 */
async function reopenedAfterReset(deps: ActivityDeps, batch: Batch, onChunk: Beat): Promise<Batch | null> {
  if (!hasEndedOtherwise(batch)) return batch;
  if (await deps.store.batches.isBeingEnded(batch._id))
    throw new Error('A gateway is ending the import; the plan is made when it is done');
  await deps.store.items.reopen(batch._id, 'cancelled', onChunk);
  await deps.store.batches.reopen(batch._id);
  return deps.store.batches.find(batch.projectId, batch._id);
}

/** Whether a batch has ended, or is being ended, without the run that asks: see `reopenedAfterReset`. */
export function hasEndedOtherwise({ state, endingAt, endedRunId }: Batch): boolean {
  const isEnded = state === 'failed' || (state === 'started' && endingAt !== undefined);
  return isEnded && endedRunId !== currentRunId();
}

function currentRunId(): string | undefined {
  return Context.current().info.workflowExecution?.runId;
}
