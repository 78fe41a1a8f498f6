import { parseArgs } from 'node:util';
import { createBenchClient } from './contenders/bench-client.js';
import { importThroughService } from './contenders/service.js';
import { projectToken } from './fairness/project-token.js';
import { sharesOfProjects } from './fairness/shares.js';
import { smallBehindMany } from './fairness/small-behind-many.js';
import { describeMachine } from './measure/machine.js';
import { markdownTable } from './report/markdown-table.js';
import { publish } from './report/publish.js';
import { count, round } from './report/units.js';
import { withBench } from './setup/with-bench.js';

/* Whether a project that imports much delays another that imports little, and whether projects get their shares. */
const { values } = parseArgs({
  options: {
    batches: { type: 'string', default: '20' },
    items: { type: 'string', default: '2000' },
    small: { type: 'string', default: '50' },
    'warm-up': { type: 'string', default: '3000' },
    json: { type: 'string' },
    'write-readme': { type: 'boolean', default: false },
  },
});
const batches = Number(values.batches);
const items = Number(values.items);
const WEIGHTS = { heavy: 3, light: 1 };

/** PROJECT_WEIGHTS, as the configuration writes them. */
const weights = Object.entries(WEIGHTS)
  .map((pair) => pair.join('='))
  .join(',');

await withBench(
  async (bench) => {
    const { api, dataDir } = bench;
    const { origin } = bench.origin;
    const clientOf = async (project: string) => createBenchClient({ api, token: await projectToken(dataDir, project) });
    const run = { name: 'warm-up', items: Number(values['warm-up']), bytes: 16_384 };
    await importThroughService({ api, token: bench.token, origin, run });
    const smallItems = Number(values.small);
    const large = await clientOf('large');
    const behind = await smallBehindMany({ large, other: await clientOf('other'), origin, batches, items, smallItems });
    bench.report(`Small imports measured behind ${batches} large ones`);
    const clients = { heavy: await clientOf('heavy'), light: await clientOf('light') };
    const had = await sharesOfProjects({ clients, origin, batches: Math.ceil(batches / 4), items });
    const shares = had.map(({ project, share }) => ({ project, weight: WEIGHTS[project], share }));

    const head = [
      `${smallItems} items behind ${batches} × ${count(items)}, of`,
      'Seconds',
      'Large ones that ended before it',
    ];
    const rows = behind.small.map(({ who, seconds, largeEndedBefore }) => {
      if (seconds === null) return [who, '–', '–'];
      return [who, round(seconds, 2), String(largeEndedBefore)];
    });
    const machine = await describeMachine();
    const where = `${new Date().toISOString().slice(0, 10)}, ${machine.processors} × ${machine.processor}; database: ${bench.databaseKind}.`;
    const crowd = `All large imports together took ${round(behind.largeSeconds, 1)} s.`;
    const shareTable = markdownTable(
      ['Project', 'Weight', 'Share of the items settled half-way'],
      shares.map(({ project, weight, share }) => [project, String(weight), round(share, 2)]),
    );
    const refusals = behind.small.flatMap(({ who, refused }) =>
      refused === undefined ? [] : [`- Skipped: ${who}. ${refused}`],
    );
    const text = [`${where} ${crowd}`, markdownTable(head, rows), refusals.join('\n'), shareTable]
      .filter((part) => part !== '')
      .join('\n\n');
    const result = { machine, database: bench.databaseKind, options: values, behind, shares };
    await publish({ name: 'fairness', text, result, json: values.json, writeReadme: values['write-readme'] });
  },
  { env: { PROJECT_WEIGHTS: weights } },
);
