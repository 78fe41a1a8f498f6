import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { count, markdownTable, median, replaceBlock, round } from './figures.js';
import { SERVICE } from './throughput/contender.js';
import type { BenchResult, RunRecord } from './throughput/runs.js';

const COSTS = fileURLToPath(new URL('model-costs.json', import.meta.url));
const PAGE = fileURLToPath(new URL('../docs/scaling.md', import.meta.url));

/**
 * Prints what a million items take, from the costs of one in model-costs.json. `--from FILE` first takes these from a result of
 * `npm run bench` and keeps them; `--write-docs` puts the table into docs/scaling.md.
 */
export async function model(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { from: { type: 'string' }, 'write-docs': { type: 'boolean', default: false } },
  });
  if (values.from !== undefined) {
    const result = JSON.parse(await readFile(values.from, 'utf8')) as BenchResult;
    await writeFile(COSTS, `${JSON.stringify(itemCosts(result), null, 2)}\n`);
  }
  const table = renderModel(JSON.parse(await readFile(COSTS, 'utf8')) as ItemCosts);
  process.stdout.write(`${table}\n`);
  if (values['write-docs']) await writeFile(PAGE, replaceBlock(await readFile(PAGE, 'utf8'), 'model', table));
}

const KIB = 1024;
const MIB = 1024 * KIB;
/** The processes of the service, as they are called in every result. */
const PROCESSES = ['gateway', 'worker', 'temporal', 'mongodb'] as const;
type ProcessName = (typeof PROCESSES)[number];

const MILLION = 1_000_000;
const GB = 1e9;

const LOADS: readonly Load[] = [
  { name: '10,000 a POST, 16 KiB', items: MILLION, batch: 10_000, bytesPerItem: 16 * KIB },
  { name: 'one NDJSON POST, 16 KiB', items: MILLION, batch: MILLION, bytesPerItem: 16 * KIB },
  { name: '1,000 a POST, 1 MiB', items: MILLION, batch: 1_000, bytesPerItem: MIB },
  { name: '1,000 a POST, 8 MiB', items: MILLION, batch: 1_000, bytesPerItem: 8 * MIB },
];

/** The table of docs/scaling.md: what a million items take, as Markdown. */
export function renderModel(costs: ItemCosts): string {
  const rows = LOADS.map((load) => {
    const demand = demandOf(load, costs);
    const { gateway, worker, temporal, mongodb } = demand.cpuHours;
    return [
      load.name,
      ...[gateway, worker, temporal, mongodb].map((hours) => round(hours, 2)),
      round(demand.itemsPerWorkerSecond, 0),
      count(demand.actions),
      count(demand.historyEvents),
      round(demand.historyBytes / GB, 2),
      count(demand.mongoCommands),
      count(demand.mongoWrites),
      round(demand.mongoBytes / GB, 1),
      count(demand.transferredBytes / GB),
    ];
  });
  const titles = [
    'A million items',
    'CPU h gateway',
    'CPU h worker',
    'CPU h Temporal',
    'CPU h MongoDB',
    'Items/s a worker core',
    'Temporal actions',
    'History events',
    'History GB',
    'MongoDB commands',
    'MongoDB writes',
    'MongoDB GB',
    'Network GB',
  ];
  return `${markdownTable(titles, rows)}\n\nCosts of an item as measured on ${costs.measured}.`;
}

/** What is to be imported. */
interface Load {
  readonly name: string;
  readonly items: number;
  /** Items of one POST. */
  readonly batch: number;
  readonly bytesPerItem: number;
}

/** What a load takes. */
interface Demand {
  readonly cpuHours: Readonly<Record<ProcessName, number>>;
  /** As Temporal Cloud counts them: starts of workflows, activities and their retries, timers, search attributes. */
  readonly actions: number;
  readonly historyEvents: number;
  readonly historyBytes: number;
  readonly mongoCommands: number;
  readonly mongoWrites: number;
  /** In MongoDB, before its compression, indexes included. */
  readonly mongoBytes: number;
  /** Once from the source and once to the blob store. */
  readonly transferredBytes: number;
  /** Items a second of one worker on one processor. */
  readonly itemsPerWorkerSecond: number;
}

const MS_PER_HOUR = 3_600_000;

/** The shape of `importBatch` (workflows/import-batch.ts) with its defaults. */
const SWEEP_PAGE = 50;
const PLAN_ITEMS = 20_000;
/** Start, finish, its search attribute, the webhook's workflow and its one attempt. */
const ACTIONS_PER_BATCH = 5;

/** Bytes of BSON of a settled item with a URL of 90 characters and one short metadata, and of its media. */
export const DOCUMENT_BYTES = { item: 725, media: 705 } as const;
/** Entries of the indexes of src/store/collections.ts: keys and some 10 bytes each. */
const INDEX_BYTES = { item: 95, media: 175 } as const;

const STORED_BYTES = DOCUMENT_BYTES.item + DOCUMENT_BYTES.media + INDEX_BYTES.item + INDEX_BYTES.media;

/** What a load takes, from what one item costs. Batches are swept, nothing fails, and every file is new. */
export function demandOf({ items, batch, bytesPerItem }: Load, costs: ItemCosts): Demand {
  const batches = Math.ceil(items / batch);
  const mib = bytesPerItem / MIB;
  const cpuMs = { ...costs.cpuMs, worker: costs.cpuMs.worker + costs.workerCpuMsPerMib * mib };
  const perBatch = ACTIONS_PER_BATCH + Math.ceil(batch / PLAN_ITEMS) + Math.ceil(batch / SWEEP_PAGE);
  return {
    cpuHours: Object.fromEntries(
      PROCESSES.map((name) => [name, (cpuMs[name] * items) / MS_PER_HOUR]),
    ) as Demand['cpuHours'],
    actions: batches * perBatch,
    historyEvents: items * costs.historyEvents,
    historyBytes: items * costs.historyBytes,
    mongoCommands: items * costs.mongoCommands,
    mongoWrites: items * costs.mongoWrites,
    mongoBytes: items * STORED_BYTES,
    transferredBytes: 2 * items * bytesPerItem,
    itemsPerWorkerSecond: 1000 / cpuMs.worker,
  };
}

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
