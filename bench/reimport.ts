import { parseArgs } from 'node:util';
import { importThroughService } from './contenders/service.js';
import { withBench } from './setup/with-bench.js';

/*
 * Imports the same unchanged items twice and compares time and bytes. Bytes are counted at the sockets of the origin, so the
 * headers of both imports are among them. A first import of other items warms everything up.
 */
const { values } = parseArgs({
  options: { items: { type: 'string', default: '10000' }, bytes: { type: 'string', default: '65536' } },
});
const items = Number(values.items);
const bytes = Number(values.bytes);
const WARM_UP_ITEMS = 3_000;

await withBench(async ({ api, token, origin }) => {
  const service = { api, token, origin: origin.origin };
  await importThroughService({ ...service, run: { name: 'warm-up', items: WARM_UP_ITEMS, bytes } });

  const run = { name: 'feed', items, bytes };
  const before = await origin.sent();
  const first = await importThroughService({ ...service, run });
  const between = await origin.sent();
  const second = await importThroughService({ ...service, run, outcome: 'skipped' });
  const after = await origin.sent();
  const result = {
    items,
    bytes,
    seconds: { first: first.seconds, second: second.seconds },
    sentByOrigin: { first: between - before, second: after - between },
    timesFaster: first.seconds / second.seconds,
    shareOfBytes: (after - between) / (between - before),
  };
  process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
});
