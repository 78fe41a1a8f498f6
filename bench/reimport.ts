import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createStack } from '../src/stack/stack.js';
import { importThroughService } from './service.js';

/*
 * Imports the same unchanged items twice and compares time and bytes. Bytes are counted at the sockets of the origin, so the
 * headers of both imports are among them. A first import of other items warms everything up.
 */
const { values } = parseArgs({
  options: { items: { type: 'string', default: '10000' }, bytes: { type: 'string', default: '65536' } },
});
const items = Number(values.items);
const WARM_UP_ITEMS = 3_000;

const originProcess = fork(new URL('origin.ts', import.meta.url), [values.bytes]);
const [origin] = (await once(originProcess, 'message')) as [string];
const sent = async (): Promise<number> => {
  originProcess.send('sent');
  const [bytes] = (await once(originProcess, 'message')) as [number];
  return bytes;
};
const dataDir = await mkdtemp(join(tmpdir(), 'durable-import-bench-'));
const EGRESS_ALLOW = `127.0.0.1/32:${new URL(origin).port}`;
const env = { ...process.env, DATA_DIR: dataDir, EGRESS_ALLOW, RATE_LIMIT: 'off' };
const stack = createStack({ env, report: (line) => void process.stderr.write(`${line}\n`) });
try {
  const { api, token } = await stack.start();
  if (token === null) throw new Error('The benchmark makes its own token: unset TOKEN_JWKS_FILE');
  const service = { api, token, origin };
  await importThroughService({ ...service, items: WARM_UP_ITEMS, run: 'warm-up' });

  const before = await sent();
  const first = await importThroughService({ ...service, items, run: 'feed' });
  const between = await sent();
  const second = await importThroughService({ ...service, items, run: 'feed', outcome: 'skipped' });
  const after = await sent();
  const result = {
    items,
    bytes: Number(values.bytes),
    seconds: { first, second },
    sentByOrigin: { first: between - before, second: after - between },
    timesFaster: first / second,
    shareOfBytes: (after - between) / (between - before),
  };
  process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
} finally {
  await stack.stop();
  originProcess.disconnect();
  await rm(dataDir, { recursive: true, force: true });
}
