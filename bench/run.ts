import { parseArgs } from 'node:util';
import { startContenders, startUntuned } from './contenders/start-contenders.js';
import { BULLMQ } from './contenders/names.js';
import { type Cell, matrixOf, type Mode, parseCell } from './matrix.js';
import { describeMachine } from './measure/machine.js';
import { measureCold, measureMatrix } from './measure/measure-matrix.js';
import { type Measuring, measureRun } from './measure/measure-run.js';
import { measureMongoCost } from './measure/mongo-cost.js';
import { createProcessWatch } from './measure/process-watch.js';
import type { BenchResult, RunRecord, SkippedPart } from './measure/run-record.js';
import { publish } from './report/publish.js';
import { renderReport } from './report/render-report.js';
import { type Bench, withBench } from './setup/with-bench.js';

/*
 * Compares imports through the service with everything that does the same work otherwise, in turns on the same servers; see
 * README.md beside this file.
 */
const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    full: { type: 'boolean', default: false },
    items: { type: 'string' },
    bytes: { type: 'string', default: '16384' },
    rounds: { type: 'string', default: '3' },
    // ITEMSxBYTESxROUNDS, as often as there are lines to measure.
    cell: { type: 'string', multiple: true, default: [] },
    // Of BullMQ: as many as the bare loop has in flight.
    concurrency: { type: 'string', default: '128' },
    json: { type: 'string' },
    'write-readme': { type: 'boolean', default: false },
  },
});
const isCustom = values.items !== undefined || values.cell.length > 0;
const mode: Mode = values.full ? 'full' : values.quick ? 'quick' : 'default';
const wanted = [
  ...values.cell,
  ...(values.items === undefined ? [] : [[values.items, values.bytes, values.rounds].join('x')]),
];
const cells: Cell[] = isCustom ? wanted.map(parseCell) : matrixOf(mode);
/** Items of the pass that counts what is asked of MongoDB: enough for whole pages to settle the figure. */
const COUNTED_ITEMS = 2_000;
/** pg-boss takes one every two seconds by default. */
const UNTUNED = { [BULLMQ]: 1_000, other: 10 };

/** Also a figure: what the two products do before anybody tunes them. One run each, of few items. */
async function measureUntuned(
  bench: Bench,
  measuring: Measuring,
): Promise<{ runs: RunRecord[]; skipped: SkippedPart[] }> {
  const { started, skipped } = await startUntuned(bench);
  const runs: RunRecord[] = [];
  for (const contender of started) {
    const items = contender.name.startsWith(BULLMQ) ? UNTUNED[BULLMQ] : UNTUNED.other;
    runs.push(await measureRun(contender, { items, bytes: 16_384, round: 0 }, measuring));
  }
  return { runs, skipped };
}

async function measureAll(bench: Bench): Promise<BenchResult> {
  const { started, skipped } = await startContenders(bench, { concurrency: Number(values.concurrency) });
  const measuring = { watch: createProcessWatch(), report: bench.report };
  const cold = await measureCold(started, measuring);
  const warm = await measureMatrix(cells, started, measuring);
  const untuned = mode === 'quick' || isCustom ? null : await measureUntuned(bench, measuring);
  const isOwnMongo = bench.databaseKind !== 'given';
  const mongo = isOwnMongo ? await measureMongoCost(bench, COUNTED_ITEMS) : null;
  const notCounted = {
    what: 'MongoDB operations',
    reason: 'MONGODB_URL names a server, and the proxy stands before our own only',
  };
  return {
    at: new Date().toISOString(),
    mode: isCustom ? 'custom' : mode,
    machine: await describeMachine(),
    database: bench.databaseKind,
    contenders: Object.fromEntries(started.map(({ name, description }) => [name, description])),
    skipped: [...skipped, ...warm.skipped, ...(untuned?.skipped ?? []), ...(isOwnMongo ? [] : [notCounted])],
    runs: [...cold, ...(untuned?.runs ?? []), ...warm.runs],
    mongo,
  };
}

await withBench(async (bench) => {
  const result = await measureAll(bench);
  const { json, 'write-readme': writeReadme } = values;
  await publish({ name: 'bench', text: renderReport(result), result, json, writeReadme });
});
