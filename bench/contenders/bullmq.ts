import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { anyFreePort } from '../../src/local-stack/ports.js';
import { spawnServer, stopServer, waitUntilReady } from '../../src/local-stack/spawn-server.js';
import { findOnPath } from '../../src/local-stack/tools.js';
import { seconds } from '../figures.js';
import type { Bench } from '../stack/with-bench.js';
import {
  BULLMQ,
  bulksOf,
  type Contender,
  type ItemJob,
  Missing,
  type QueueModule,
  type Run,
  type WorkSettings,
  workSettings,
} from '../throughput/contender.js';
import { createCountdown, createItemWork, forkRunner, serveRuns } from '../throughput/runner.js';

/** Where the driver and the worker meet. */
const QUEUE = 'bench';

/** Jobs of one `addBulk`, which is one transaction: Redis does nothing else in the meantime. */
const BULK = 1_000;

interface Settings extends WorkSettings {
  /** Of Redis. */
  readonly port: number;
  readonly concurrency: number;
}

/**
 * (d) BullMQ on Redis: this process adds the jobs in bulk while a worker process takes them, as a service with workers would.
 * A finished job is removed; a failed one fails the run.
 * Without tuning the worker has one job in flight.
 * @throws Missing when Redis is not installed
 */
export const start: QueueModule['start'] = async (bench, options): Promise<Contender> => {
  const concurrency = options.tuned ? options.concurrency : 1;
  const { port, pid: redis } = await startRedis(bench);
  const settings = workSettings(bench, `bullmq-${concurrency}`);
  const worker: Settings = { ...settings, port, concurrency };
  const runner = await forkRunner(import.meta.url, worker);
  bench.cleanup.add(() => runner.close());
  const queue = new Queue(QUEUE, { connection: { host: '127.0.0.1', port } });
  bench.cleanup.add(() => queue.close());
  const { mongodb = 0, driver = 0 } = bench.pids;
  const add = async (run: Run): Promise<void> => {
    for (const bulk of bulksOf(bench.origin.origin, run, BULK)) {
      const jobs = bulk.map((data) => ({
        name: 'import',
        data,
        opts: { attempts: 10, backoff: { type: 'exponential', delay: 1_000 }, removeOnComplete: true },
      }));
      await queue.addBulk(jobs);
    }
  };
  return {
    name: options.tuned ? BULLMQ : `${BULLMQ}, defaults`,
    description: `Redis with an append-only file (everysec), addBulk, concurrency ${concurrency}, removeOnComplete`,
    pids: { worker: runner.pid, redis, mongodb, origin: bench.origin.pid, driver },
    blobs: settings.root,
    run: async (run) => ({ seconds: await seconds(() => Promise.all([runner.run(run), add(run)])), history: null }),
  };
};

interface RunningServer {
  readonly port: number;
  readonly pid: number;
}

/** Redis takes less than a second; this ends a hang. */
const READY_TIMEOUT_MS = 20_000;

/**
 * Starts Redis as BullMQ's manual recommends it for production: append-only file, written to disk every second, nothing evicted. Up
 * to a second of acknowledged jobs may be lost when the machine fails, none when only the process does.
 * @throws Missing when it is not installed
 */
async function startRedis({ cleanup }: Bench): Promise<RunningServer> {
  const file = await findOnPath('redis-server');
  if (file === null) throw new Missing('redis-server is not on PATH');
  const folder = await mkdtemp(join(tmpdir(), 'durable-import-bench-redis-'));
  cleanup.add(() => rm(folder, { recursive: true, force: true }));
  const port = await anyFreePort();
  const place = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder];
  const durability = [
    '--appendonly',
    'yes',
    '--appendfsync',
    'everysec',
    '--save',
    '',
    '--maxmemory-policy',
    'noeviction',
  ];
  const server = await spawnServer({ file, args: [...place, ...durability], logFile: join(folder, 'redis.log') });
  cleanup.add(() => stopServer(server));
  await waitUntilReady(server, { name: 'Redis', timeoutMs: READY_TIMEOUT_MS, probe: () => ping(port) });
  return { port, pid: server.pid };
}

async function ping(port: number): Promise<void> {
  const client = new Redis({ port, lazyConnect: true, retryStrategy: null, maxRetriesPerRequest: 0 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.ping();
  } finally {
    client.disconnect();
  }
}

/** A BullMQ worker; a run ends when all of its jobs are recorded as completed in Redis. */
await serveRuns(import.meta.url, async (argument) => {
  const settings = JSON.parse(argument) as Settings;
  const work = await createItemWork(settings);
  const countdown = createCountdown();
  const worker = new Worker<ItemJob>(QUEUE, ({ data }) => work.importItem(data), {
    connection: { host: '127.0.0.1', port: settings.port },
    concurrency: settings.concurrency,
  });
  worker.on('completed', () => {
    countdown.done(1);
  });
  worker.on('failed', (_job, error) => {
    countdown.fail(error);
  });
  await worker.waitUntilReady();
  return {
    run: ({ items }) => countdown.start(items),
    async close() {
      await worker.close();
      await work.close();
    },
  };
});
