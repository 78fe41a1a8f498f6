import { parseArgs } from 'node:util';
import { count, markdownTable, publish, PUBLICATION_OPTIONS, round, size } from './figures.js';
import { importThroughService } from './stack/import-client.js';
import { withBench } from './stack/with-bench.js';

/** The first 3,000 items of a process run at about half speed. */
const WARM_UP_ITEMS = 3_000;

/**
 * Imports the same unchanged items twice and compares time and bytes. Bytes are counted at the sockets of the origin, so the headers
 * of both imports are included. A first import of other items warms everything up. The cost of an unchanged item does not depend on
 * its size, that of a new one does: hence several sizes.
 */
export async function reimport(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      items: { type: 'string', default: '10000' },
      bytes: { type: 'string', multiple: true, default: ['65536', '1048576'] },
      ...PUBLICATION_OPTIONS,
    },
  });
  const items = Number(values.items);
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
}
