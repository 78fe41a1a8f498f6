import { BARE_LOOP } from '../contenders/names.js';
import { median } from '../measure/quantile.js';
import type { RunRecord } from '../measure/run-record.js';

/** What the warm rounds of one contender come to, with so many items of one size. */
export interface Summary {
  readonly contender: string;
  readonly items: number;
  readonly bytes: number;
  readonly rounds: number;
  readonly itemsPerSecond: number;
  /** Rate as a share of that of the bare loop in the same round, the median of all rounds. */
  readonly shareOfBareLoop: number;
  /** Of all its processes together, milliseconds an item. */
  readonly cpuMs: number;
  /** Null for what does not use Temporal. */
  readonly historyEvents: number | null;
  readonly historyBytes: number | null;
}

/** One summary for each contender and cell, in the order in which they were measured. */
export function summarize(runs: readonly RunRecord[]): Summary[] {
  const groups = new Map<string, RunRecord[]>();
  for (const run of runs.filter(({ round }) => round > 0)) {
    const key = `${run.items}/${run.bytes}/${run.contender}`;
    groups.set(key, [...(groups.get(key) ?? []), run]);
  }
  return [...groups.values()].map((group) => summarizeGroup(group, runs));
}

function summarizeGroup(group: readonly RunRecord[], all: readonly RunRecord[]): Summary {
  const [first] = group;
  if (first === undefined) throw new Error('Nothing was measured');
  const { contender, items, bytes } = first;
  const history = group.map((run) => run.history).filter((cost) => cost !== null);
  return {
    contender,
    items,
    bytes,
    rounds: group.length,
    itemsPerSecond: median(group.map(({ seconds }) => items / seconds)),
    shareOfBareLoop: median(ratios(contender, BARE_LOOP, first, all)),
    cpuMs: median(group.map((run) => (cpuSeconds(run) * 1000) / items)),
    historyEvents: history.length === 0 ? null : median(history.map(({ events }) => events / items)),
    historyBytes: history.length === 0 ? null : median(history.map((cost) => cost.bytes / items)),
  };
}

function cpuSeconds({ processes }: RunRecord): number {
  return Object.values(processes).reduce((sum, figures) => sum + figures.cpuSeconds, 0);
}

/** How many times as fast one contender was as another, round by round. */
export function ratios(
  contender: string,
  other: string,
  { items, bytes }: Pick<RunRecord, 'items' | 'bytes'>,
  runs: readonly RunRecord[],
): number[] {
  const cell = runs.filter((run) => run.items === items && run.bytes === bytes && run.round > 0);
  return cell
    .filter((run) => run.contender === contender)
    .flatMap((run) => {
      const rival = cell.find((one) => one.contender === other && one.round === run.round);
      return rival === undefined ? [] : [rival.seconds / run.seconds];
    });
}
