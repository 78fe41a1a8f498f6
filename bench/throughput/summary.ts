import { median, mib, round } from '../figures.js';
import { BARE_LOOP, BULLMQ, NAIVE, PG_BOSS, SERVICE } from './contender.js';
import type { RunRecord } from './runs.js';

/** The warm rounds of one contender, with so many items of one size, in one line. */
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

export interface Target {
  readonly what: string;
  readonly target: string;
  readonly measured: string;
  /** Null when this run did not measure it. */
  readonly isMet: boolean | null;
}

const KIB = 1024;
const MIB = 1024 * KIB;
/** The cell that the targets are about; a quick run does not measure all contenders there. */
export const REFERENCE = { items: 10_000, bytes: 16 * KIB };
const WORKER_MIB = 350;
const GATEWAY_MIB = 250;

/** The targets of the service, with what this run measured. */
export function targets(runs: readonly RunRecord[]): Target[] {
  const service = runs.filter(({ contender, round: number }) => contender === SERVICE && number > 0);
  const times = (other: string): number => median(ratios(SERVICE, other, REFERENCE, runs));
  const events = median(
    service
      .filter(({ items, bytes }) => items === REFERENCE.items && bytes === REFERENCE.bytes)
      .map(({ history, items }) => (history?.events ?? Number.NaN) / items),
  );
  const peak = (name: string): number =>
    Math.max(
      ...service.map(({ processes }) => processes[name]?.lifetimePeakBytes ?? Number.NaN),
      Number.NEGATIVE_INFINITY,
    );
  return [
    atLeast('of the bare loop, 10,000 × 16 KiB', 0.7, times(BARE_LOOP)),
    atLeast('times one activity an item, 10,000 × 16 KiB', 5, times(NAIVE)),
    atLeast('times BullMQ, 10,000 × 16 KiB', 2, times(BULLMQ)),
    atLeast('times pg-boss, 10,000 × 16 KiB', 2, times(PG_BOSS)),
    atMost(
      'time an item at 100,000, times that at 1,000 (16 KiB)',
      1.2,
      perItem(service, 100_000) / perItem(service, 1_000),
    ),
    atMost('history events an item', 0.1, events),
    atMostMib('peak of the worker', WORKER_MIB, peak('worker')),
    atMostMib('peak of the gateway', GATEWAY_MIB, peak('gateway')),
  ];
}

function perItem(service: readonly RunRecord[], items: number): number {
  const cell = service.filter((run) => run.items === items && run.bytes === REFERENCE.bytes);
  return median(cell.map(({ seconds }) => seconds / items));
}

function atLeast(what: string, limit: number, value: number): Target {
  return {
    what,
    target: `≥ ${limit}`,
    measured: round(value, 2),
    isMet: Number.isFinite(value) ? value >= limit : null,
  };
}

function atMost(what: string, limit: number, value: number): Target {
  return {
    what,
    target: `≤ ${limit}`,
    measured: round(value, 3),
    isMet: Number.isFinite(value) ? value <= limit : null,
  };
}

function atMostMib(what: string, limit: number, bytes: number): Target {
  const isMet = Number.isFinite(bytes) && bytes > 0 ? bytes <= limit * MIB : null;
  return { what, target: `≤ ${limit} MiB`, measured: isMet === null ? '–' : `${mib(bytes)} MiB`, isMet };
}
