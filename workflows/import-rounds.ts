import { continueAsNew, patched, sleep, workflowInfo } from '@temporalio/workflow';
import type { RoundPlan } from '../src/temporal/activity-api.js';
import type { ImportBatchInput, ImportProgress } from '../src/temporal/names.js';
import { importItem, planRound, sweepPage, priorityOfItem } from './activity-options.js';
import { withItem, withPlan, withSweep } from './progress.js';

/** Places of a round before 0.3.0. */
const ITEMS_AT_A_TIME = 50;
const PAGES_AT_A_TIME = 8;

/** What a run of before 0.3.0 has come to. */
interface Rounds {
  status: ImportProgress;
  /** Called when the run leaves its rounds: what is open has to be planned anew. */
  lookAgain(): void;
}

/**
 * What an import did before 0.3.0: rounds over all open items, each ended before the next began. Runs that were started then replay
 * with this, and leave it at the end of the round that they are in. It goes when the retention of the namespace has passed.
 * @returns missing: there is no such batch any more; done: no item is open; left: the import continues in one loop
 */
export async function importInRounds(input: ImportBatchInput, rounds: Rounds): Promise<'missing' | 'done' | 'left'> {
  const { projectId, batchId } = input;

  const runPlan = async (plan: RoundPlan): Promise<void> => {
    await mapConcurrently(plan.pages, PAGES_AT_A_TIME, async ([fromSeq, toSeq]) => {
      const summary = `items ${fromSeq}–${toSeq}`;
      const activityId = `page-${fromSeq}-${toSeq}`;
      const swept = await sweepPage.executeWithOptions({ activityId, summary }, [
        { projectId, batchId, fromSeq, toSeq },
      ]);
      rounds.status = withSweep(rounds.status, swept);
    });
    await mapConcurrently(plan.items, ITEMS_AT_A_TIME, async ({ seq, host }) => {
      const summary = `item ${seq} · ${host}`;
      const options = { activityId: `item-${seq}`, summary, priority: priorityOfItem() };
      const done = await importItem.executeWithOptions(options, [{ projectId, batchId, seq }]);
      rounds.status = withItem(rounds.status, done);
    });
  };

  for (let plans = 1; ; plans++) {
    if (patched(`one-loop-before-plan-${plans}`)) {
      rounds.lookAgain();
      return 'left';
    }
    const { round, nextSeq } = rounds.status;
    const plan = await planRound.executeWithOptions(planOptions(round, nextSeq), [
      { projectId, batchId, fromSeq: nextSeq },
    ]);
    if (plan.missing) return 'missing';
    rounds.status = withPlan(rounds.status, plan);
    await runPlan(plan);
    if (plan.totals.open === 0) return 'done';
    if (plan.waitMs > 0) await sleep(plan.waitMs);
    if (workflowInfo().continueAsNewSuggested) {
      await continueAsNew<(input: ImportBatchInput) => Promise<unknown>>({ ...input, resume: rounds.status });
    }
  }
}

function planOptions(round: number, nextSeq: number): { activityId: string; summary: string } {
  if (nextSeq === 0) return { activityId: `plan-${round + 1}`, summary: `round ${round + 1}` };
  return { activityId: `plan-${round}-from-${nextSeq}`, summary: `round ${round}, from item ${nextSeq}` };
}

/** The first failure rejects only after every running entry has ended, so that nothing is in flight when it is handled. */
export async function mapConcurrently<T>(
  entries: readonly T[],
  concurrency: number,
  work: (entry: T) => Promise<void>,
): Promise<void> {
  const queue = entries.values();
  const failures: unknown[] = [];
  const next = async (): Promise<void> => {
    for (const entry of queue) {
      if (failures.length > 0) return;
      try {
        await work(entry);
      } catch (failure) {
        failures.push(failure);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, entries.length) }, next));
  if (failures.length > 0) throw failures[0];
}
