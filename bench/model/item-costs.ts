import { SERVICE } from '../contenders/names.js';
import { median } from '../measure/quantile.js';
import type { BenchResult, RunRecord } from '../measure/run-record.js';

/** The processes of the service, as they are called in every result. */
export const PROCESSES = ['gateway', 'worker', 'temporal', 'mongodb'] as const;
export type ProcessName = (typeof PROCESSES)[number];

/** What an item of a sweep costs, apart from what its bytes cost. */
export interface ItemCosts {
  /** Date, machine and database of the measurement. */
  readonly measured: string;
  /** Processor time, milliseconds an item. */
  readonly cpuMs: Readonly<Record<ProcessName, number>>;
  /** Processor time of the worker, milliseconds a MiB. */
  readonly workerCpuMsPerMib: number;
  readonly historyEvents: number;
  readonly historyBytes: number;
  readonly mongoCommands: number;
  readonly mongoWrites: number;
}

const MIB = 1024 ** 2;
/** The cells that tell what an item costs, and what its bytes do. */
const ITEM = { items: 10_000, bytes: 16 * 1024 };
const LARGE = { items: 1_000, bytes: MIB };

/**
 * Reads what an item costs from a result of `npm run bench`.
 * @throws Error when the result has no 10,000 × 16 KiB and 1,000 × 1 MiB, or did not count what is asked of MongoDB
 */
export function itemCosts({ at, machine, database, mongo, runs }: BenchResult): ItemCosts {
  const small = warmRuns(runs, ITEM);
  const large = warmRuns(runs, LARGE);
  if (mongo === null) throw new Error('The result has no counts of what was asked of MongoDB');
  const cpuMs = (of: readonly RunRecord[], name: ProcessName): number =>
    median(of.map(({ processes, items }) => ((processes[name]?.cpuSeconds ?? Number.NaN) * 1000) / items));
  const history = small.flatMap((run) => (run.history === null ? [] : [run.history]));
  const perMib = (cpuMs(large, 'worker') - cpuMs(small, 'worker')) / ((LARGE.bytes - ITEM.bytes) / MIB);
  const commands = Object.values(mongo.commands).reduce((sum, count) => sum + count, 0);
  return {
    measured: `${at.slice(0, 10)}, ${machine.processors} × ${machine.processor}, Node ${machine.node}, ${database}`,
    cpuMs: Object.fromEntries(PROCESSES.map((name) => [name, figure(cpuMs(small, name))])) as ItemCosts['cpuMs'],
    workerCpuMsPerMib: figure(perMib),
    historyEvents: figure(median(history.map(({ events }) => events / ITEM.items))),
    historyBytes: figure(median(history.map(({ bytes }) => bytes / ITEM.items))),
    mongoCommands: figure(commands / mongo.items),
    mongoWrites: figure(mongo.writes / mongo.items),
  };
}

function warmRuns(runs: readonly RunRecord[], { items, bytes }: typeof ITEM): RunRecord[] {
  const found = runs.filter(
    (run) => run.contender === SERVICE && run.round > 0 && run.items === items && run.bytes === bytes,
  );
  if (found.length === 0) throw new Error(`The result has no warm run of ${items} items of ${bytes} bytes`);
  return found;
}

/** Three digits say all that a measurement knows. */
function figure(value: number): number {
  return Number(value.toPrecision(3));
}
