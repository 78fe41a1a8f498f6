import { parseArgs } from 'node:util';
import { createBenchClient } from './contenders/bench-client.js';
import { importThroughService } from './contenders/service.js';
import { listUnderLoad } from './latency/list-items.js';
import { singleItems, startWebhookClock } from './latency/single-items.js';
import { smallBesideLarge } from './latency/small-beside-large.js';
import { statusUnderLoad } from './latency/status-under-load.js';
import { describeMachine } from './measure/machine.js';
import { quantile } from './measure/quantile.js';
import { timingCells } from './measure/timings.js';
import { markdownTable } from './report/markdown-table.js';
import { publish } from './report/publish.js';
import { count } from './report/units.js';
import { withBench, type Bench } from './setup/with-bench.js';

/* How long the API takes to answer, and a small import to end, while large ones run. See README.md beside this file. */
const { values } = parseArgs({
  options: {
    items: { type: 'string', default: '10000' },
    large: { type: 'string', default: '100000' },
    pollers: { type: 'string', default: '20' },
    'poll-ms': { type: 'string', default: '500' },
    posts: { type: 'string', default: '20' },
    tries: { type: 'string', default: '20' },
    pages: { type: 'string', default: '300' },
    'warm-up': { type: 'string', default: '3000' },
    singles: { type: 'string', default: '100' },
    'only-singles': { type: 'boolean', default: false },
    json: { type: 'string' },
    'write-readme': { type: 'boolean', default: false },
  },
});
const items = Number(values.items);
const largeItems = Number(values.large);

const receiver = await startWebhookClock();
const work = async (bench: Bench): Promise<void> => {
  const client = createBenchClient(bench);
  const { origin } = bench.origin;
  const warmUp = { name: 'warm-up', items: Number(values['warm-up']), bytes: 16_384 };
  await importThroughService({ api: bench.api, token: bench.token, origin, run: warmUp });
  const imports = Number(values.singles);
  const single = await singleItems(client, origin, { imports, temporal: bench.temporal, receiver });
  bench.report(`Where the time of one item goes, median milliseconds since its POST was sent:`);
  for (const [step, ms] of single.steps) bench.report(`  ${ms.toFixed(1).padStart(7)}  ${step}`);
  const singleRows: [what: string, ms: number[], target: number][] = [
    ['1 item from POST to its answer, nothing else runs', single.posted, 30],
    ['1 item from POST to end, nothing else runs', single.finished, 120],
    ['1 item from POST to webhook, nothing else runs', single.told, 180],
  ];
  if (values['only-singles']) {
    for (const [what, ms] of singleRows) bench.report(`${what}: ${timingCells(ms).join(' / ')}`);
    return;
  }
  const pollers = { pollers: Number(values.pollers), pollMs: Number(values['poll-ms']), posts: Number(values.posts) };
  const status = await statusUnderLoad(client, origin, { items, ...pollers });
  bench.report(`Status, import and POST measured while ${count(items)} items ran`);
  const small = await smallBesideLarge(client, origin, { largeItems, tries: Number(values.tries) });
  bench.report(`Small imports measured beside ${count(largeItems)} items (${small.posted})`);
  const list = await listUnderLoad(client, origin, {
    busyItems: items,
    id: small.largeId,
    pages: Number(values.pages),
  });

  const rows: [what: string, ms: number[], target: number][] = [
    ...singleRows,
    [`GET status, ${values.pollers} pollers, ${count(items)} items run`, status.status, 50],
    [`GET /imports/:id, ${values.pollers} pollers, ${count(items)} items run`, status.show, 50],
    [`POST of 1,000 items, ${count(items)} items run`, status.post, 300],
    [`GET /imports/:id/items of ${count(largeItems)} (${small.posted}), ${count(items)} items run`, list ?? [], 50],
    [`10 items from POST to end, ${count(largeItems)} items run`, small.ms, 1_000],
  ];
  const table = markdownTable(
    ['Milliseconds', 'Number', 'p50', 'p95', 'Most', 'Target p95', 'Met'],
    rows.map(([what, ms, target]) => {
      const met = ms.length === 0 ? '–' : quantile(ms, 0.95) <= target ? 'yes' : 'no';
      return [what, ...timingCells(ms), `≤ ${target}`, met];
    }),
  );
  const skipped = list === null ? '\n\n- Skipped: the list of items, because this service has no such route.' : '';
  const machine = await describeMachine();
  const where = `${new Date().toISOString().slice(0, 10)}, ${machine.processors} × ${machine.processor}; database: ${bench.databaseKind}.`;
  const text = `${where}\n\n${table}${skipped}`;
  const result = { machine, database: bench.databaseKind, options: values, single, status, small, list };
  await publish({ name: 'latency', text, result, json: values.json, writeReadme: values['write-readme'] });
};
try {
  await withBench(work, { alsoAllow: receiver.origin });
} finally {
  receiver.close();
}
