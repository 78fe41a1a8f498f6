import { join } from 'node:path';
import { createStack } from '../../src/local-stack/stack.js';
import { importThroughService } from '../contenders/service.js';
import { databaseName } from '../setup/databases.js';
import type { Bench } from '../setup/with-bench.js';
import { startCountingProxy, type MongoCounts } from './counting-proxy.js';

export interface MongoCost extends MongoCounts {
  readonly items: number;
}

/** Indexes, tokens and caches of a new gateway and worker are not what an item costs. */
const WARM_UP_ITEMS = 500;
const BYTES = 4_096;

/**
 * Counts what an import asks of MongoDB, in a pass of its own: a second gateway and worker on the same servers, with a counting
 * proxy in front of MongoDB. Polls of this benchmark are in it, four a second.
 */
export async function measureMongoCost(bench: Bench, items: number): Promise<MongoCost> {
  const proxy = await startCountingProxy(bench.mongodb);
  bench.cleanup.add(() => proxy.close());
  const { origin } = bench.origin;
  const env = {
    ...process.env,
    // Those of the first stack are taken.
    PORT: '',
    METRICS_PORT: '',
    DATA_DIR: join(bench.dataDir, 'counting'),
    TEMPORAL_ADDRESS: bench.temporal,
    TEMPORAL_TASK_QUEUE: 'bench-counting',
    MONGODB_URL: proxy.url,
    MONGODB_DATABASE: databaseName('counting'),
    EGRESS_ALLOW: `127.0.0.1/32:${new URL(origin).port}`,
    RATE_LIMIT: 'off',
  };
  const stack = createStack({ env, report: bench.report });
  bench.cleanup.add(() => stack.stop());
  const { api, token } = await stack.start();
  if (token === null) throw new Error('The benchmark makes its own token: unset TOKEN_JWKS_FILE');
  const service = { api, token, origin };
  await importThroughService({ ...service, run: { name: 'counting-warm-up', items: WARM_UP_ITEMS, bytes: BYTES } });
  const before = proxy.counts();
  await importThroughService({ ...service, run: { name: 'counting', items, bytes: BYTES } });
  const after = proxy.counts();
  await stack.stop();
  const names = Object.entries(after.commands);
  return {
    items,
    writes: after.writes - before.writes,
    commands: Object.fromEntries(names.map(([name, count]) => [name, count - (before.commands[name] ?? 0)])),
  };
}
