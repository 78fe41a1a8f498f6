import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createStack } from '../src/stack/stack.js';
import { bareLoop } from './bare-loop.js';
import { importThroughService } from './service.js';

/*
 * Compares an import through the service with a bare loop that does the same work, in turns on the same servers. The first 3,000
 * items of a process run at about half speed (just-in-time compilation, connection set-up), hence a cold and a warm figure.
 */
const { values } = parseArgs({
  options: {
    items: { type: 'string', default: '2000' },
    bytes: { type: 'string', default: '16384' },
    rounds: { type: 'string', default: '3' },
  },
});
const items = Number(values.items);
const say = (line: string): void => void process.stderr.write(`${line}\n`);
const median = (all: number[]): number => all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)] ?? Number.NaN;
const rate = (seconds: number): string => `${Math.round(items / seconds)} items/s`;

const originProcess = fork(new URL('origin.ts', import.meta.url), [values.bytes]);
const [origin] = (await once(originProcess, 'message')) as [string];
const dataDir = await mkdtemp(join(tmpdir(), 'durable-import-bench-'));
const EGRESS_ALLOW = `127.0.0.1/32:${new URL(origin).port}`;
const stack = createStack({ env: { ...process.env, DATA_DIR: dataDir, EGRESS_ALLOW, RATE_LIMIT: 'off' }, report: say });
try {
  const { api, token, mongodb } = await stack.start();
  if (token === null) throw new Error('The benchmark makes its own token: unset TOKEN_JWKS_FILE');
  const service = (run: string): Promise<number> => importThroughService({ api, token, origin, items, run });
  const bare = (): Promise<number> => bareLoop({ origin, mongodb, items });

  const cold = { service: await service('cold'), bare: await bare() };
  say(`cold   service ${rate(cold.service)}, bare loop ${rate(cold.bare)}`);
  const warm: { service: number; bare: number }[] = [];
  for (let round = 1; round <= Number(values.rounds); round++) {
    const pair = { service: await service(`warm-${round}`), bare: await bare() };
    warm.push(pair);
    say(`warm ${round} service ${rate(pair.service)}, bare loop ${rate(pair.bare)}`);
  }
  const ratios = warm.map((pair) => pair.bare / pair.service);
  const result = {
    items,
    bytes: Number(values.bytes),
    coldItemsPerSecond: { service: items / cold.service, bareLoop: items / cold.bare },
    warmItemsPerSecond: {
      service: items / median(warm.map((pair) => pair.service)),
      bareLoop: items / median(warm.map((pair) => pair.bare)),
    },
    warmRatio: median(ratios),
  };
  process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
} finally {
  await stack.stop();
  originProcess.disconnect();
  await rm(dataDir, { recursive: true, force: true });
}
