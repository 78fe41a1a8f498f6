import { parseArgs } from 'node:util';
import { importThroughService } from './contenders/service.js';
import { markdownTable } from './report/markdown-table.js';
import { publish } from './report/publish.js';
import { count, round, size } from './report/units.js';
import { withBench } from './setup/with-bench.js';

/*
 * Imports the same unchanged items twice and compares time and bytes. Bytes are counted at the sockets of the origin, so the
 * headers of both imports are among them. A first import of other items warms everything up. What an unchanged item costs does
 * not depend on its size, and what a new one costs does: hence several sizes.
 */
const { values } = parseArgs({
  options: {
    items: { type: 'string', default: '10000' },
    bytes: { type: 'string', multiple: true, default: ['65536', '1048576'] },
    json: { type: 'string' },
    'write-readme': { type: 'boolean', default: false },
  },
});
const items = Number(values.items);
const WARM_UP_ITEMS = 3_000;

await withBench(async ({ api, token, origin }) => {
  const service = { api, token, origin: origin.origin };
  await importThroughService({ ...service, run: { name: 'warm-up', items: WARM_UP_ITEMS, bytes: 65_536 } });

  const results = [];
  for (const bytes of values.bytes.map(Number)) {
    const run = { name: `feed-${bytes}`, items, bytes };
    const before = await origin.sent();
    const first = await importThroughService({ ...service, run });
    const between = await origin.sent();
    const second = await importThroughService({ ...service, run, outcome: 'skipped' });
    const after = await origin.sent();
    results.push({
      items,
      bytes,
      seconds: { first: first.seconds, second: second.seconds },
      sentByOrigin: { first: between - before, second: after - between },
      timesFaster: first.seconds / second.seconds,
      shareOfBytes: (after - between) / (between - before),
    });
  }
  const rows = results.map(({ bytes, seconds, timesFaster, shareOfBytes }) => [
    `${count(items)} × ${size(bytes)}`,
    round(seconds.first, 1),
    round(seconds.second, 1),
    round(timesFaster, 1),
    `${round(shareOfBytes * 100, 2)} %`,
  ]);
  const titles = ['Import', 'First time, s', 'Again, s', 'Times as fast', 'Bytes moved again'];
  await publish({
    name: 'reimport',
    text: markdownTable(titles, rows),
    result: results,
    json: values.json,
    writeReadme: values['write-readme'],
  });
});
