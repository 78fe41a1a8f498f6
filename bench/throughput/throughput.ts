import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { describeMachine, publish, PUBLICATION_OPTIONS } from '../figures.js';
import { createProcessWatch } from '../stack/processes.js';
import { type Bench, withBench } from '../stack/with-bench.js';
import { startBareLoop } from './bare-loop.js';
import { BULLMQ, type Contender, Missing, PG_BOSS, type QueueModule, type QueueOptions } from './contender.js';
import { measureMongoCost } from './mongo-cost.js';
import { renderReport } from './report.js';
import { type Cell, matrixOf, measureCold, measureMatrix, type Mode, parseCell } from './rounds.js';
import { type BenchResult, type Measuring, measureRun, type RunRecord, type SkippedPart } from './runs.js';
import { startNaive, startService } from './temporal-contenders.js';

/** Items of the pass that counts what is asked of MongoDB: 40 pages of a sweep, so that the costs of one import hardly count. */
const COUNTED_ITEMS = 2_000;
/** Items of the runs without tuning, some seconds each: pg-boss takes one every two seconds by default. */
const UNTUNED_ITEMS = { [BULLMQ]: 1_000, [PG_BOSS]: 10 };

/** The queues by the file that defines them. */
const QUEUES = { [BULLMQ]: 'bullmq.ts', [PG_BOSS]: 'pg-boss.ts' };
const QUEUES_FOLDER = new URL('../contenders/', import.meta.url);

interface Started {
  readonly started: Contender[];
  readonly skipped: SkippedPart[];
}

/** Compares imports through the service with everything else that does the same work, in turns on the same servers. */
export async function throughput(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      full: { type: 'boolean', default: false },
      items: { type: 'string' },
      bytes: { type: 'string', default: '16384' },
      rounds: { type: 'string', default: '3' },
      // ITEMSxBYTESxROUNDS, once for each cell to measure.
      cell: { type: 'string', multiple: true, default: [] },
      // Of BullMQ: as many as the bare loop has in flight.
      concurrency: { type: 'string', default: '128' },
      ...PUBLICATION_OPTIONS,
    },
  });
  const { items, bytes, rounds, json, 'write-readme': writeReadme } = values;
  const named = [...values.cell, ...(items === undefined ? [] : [[items, bytes, rounds].join('x')])].map(parseCell);
  const mode: Mode = values.full ? 'full' : values.quick ? 'quick' : 'default';
  const isCustom = named.length > 0;
  const plan: Plan = {
    mode: isCustom ? 'custom' : mode,
    cells: isCustom ? named : matrixOf(mode),
    withUntuned: !isCustom && mode !== 'quick',
    concurrency: Number(values.concurrency),
  };
  await installQueues();
  await withBench(async (bench) => {
    const result = await measureAll(bench, plan);
    await publish({ name: 'throughput', text: renderReport(result), result, json, writeReadme });
  });
}

interface Plan {
  readonly mode: string;
  readonly cells: readonly Cell[];
  readonly withUntuned: boolean;
  /** Of BullMQ. */
  readonly concurrency: number;
}

async function measureAll(bench: Bench, { mode, cells, withUntuned, concurrency }: Plan): Promise<BenchResult> {
  const own = [await startBareLoop(bench), await startNaive(bench), await startService(bench)];
  const queues = await startQueues(bench, { tuned: true, concurrency });
  const started = [...own, ...queues.started];
  const measuring = { watch: createProcessWatch(), report: bench.report };
  const cold = await measureCold(started, measuring);
  const warm = await measureMatrix(cells, started, measuring);
  const untuned = withUntuned ? await measureUntuned(bench, measuring) : null;
  const isOwnMongo = bench.databaseKind !== 'given';
  const mongo = isOwnMongo ? await measureMongoCost(bench, COUNTED_ITEMS) : null;
  const notCounted = {
    what: 'MongoDB operations',
    reason: 'MONGODB_URL names a server, and the counting proxy works with a server of the benchmark only',
  };
  return {
    at: new Date().toISOString(),
    mode,
    machine: await describeMachine(),
    database: bench.databaseKind,
    contenders: Object.fromEntries(started.map(({ name, description }) => [name, description])),
    skipped: [...queues.skipped, ...warm.skipped, ...(untuned?.skipped ?? []), ...(isOwnMongo ? [] : [notCounted])],
    runs: [...cold, ...(untuned?.runs ?? []), ...warm.runs],
    mongo,
  };
}

/** One run of few items of each queue as it is without any options. */
async function measureUntuned(
  bench: Bench,
  measuring: Measuring,
): Promise<{ runs: RunRecord[]; skipped: SkippedPart[] }> {
  const { started, skipped } = await startQueues(bench, { tuned: false, concurrency: 1 });
  const runs: RunRecord[] = [];
  for (const contender of started) {
    const items = UNTUNED_ITEMS[contender.name.startsWith(BULLMQ) ? BULLMQ : PG_BOSS];
    runs.push(await measureRun(contender, { items, bytes: 16_384, round: 0 }, measuring));
  }
  return { runs, skipped };
}

/** Installs the packages of bench/contenders, which nothing else in the repository needs, when they are missing. */
async function installQueues(): Promise<void> {
  if (existsSync(new URL('node_modules', QUEUES_FOLDER))) return;
  process.stderr.write('Installing the packages of bench/contenders\n');
  const command = ['ci', '--prefix', fileURLToPath(QUEUES_FOLDER), '--no-audit', '--no-fund'];
  // Without them the benchmark still has its other contenders; startQueues says what is missing.
  await promisify(execFile)('npm', command).catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  });
}

/** Starts the queues; one whose packages or server are not installed is skipped, with the reason. */
async function startQueues(bench: Bench, options: QueueOptions): Promise<Started> {
  const result: Started = { started: [], skipped: [] };
  for (const [name, file] of Object.entries(QUEUES)) {
    const what = options.tuned ? name : `${name}, defaults`;
    try {
      if (!existsSync(new URL('node_modules', QUEUES_FOLDER)))
        throw new Missing('the packages of bench/contenders could not be installed');
      const queue = (await import(new URL(file, QUEUES_FOLDER).href)) as QueueModule;
      result.started.push(await queue.start(bench, options));
    } catch (error) {
      if (!(error instanceof Missing)) throw error;
      result.skipped.push({ what, reason: error.message });
      bench.report(`Skipping ${what}: ${error.message}`);
    }
  }
  return result;
}
