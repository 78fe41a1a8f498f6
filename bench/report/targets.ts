import { BARE_LOOP, BULLMQ, NAIVE, PG_BOSS, SERVICE } from '../contenders/names.js';
import { median } from '../measure/quantile.js';
import type { RunRecord } from '../measure/run-record.js';
import { mib, round } from './units.js';
import { ratios } from './summarize.js';

export interface Target {
  readonly what: string;
  readonly target: string;
  readonly measured: string;
  /** Null when this run did not measure it. */
  readonly isMet: boolean | null;
}

const KIB = 1024;
const MIB = 1024 * KIB;
/** The cell that the promises are about; a quick run has the smaller one only. */
const REFERENCE = { items: 10_000, bytes: 16 * KIB };
const WORKER_MIB = 350;
const GATEWAY_MIB = 250;

/** What the service promises to cost, and what this run says to it. */
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
