import { Queue } from 'bullmq';
import { startRedis } from '../setup/redis-server.js';
import type { Bench } from '../setup/with-bench.js';
import { jobOf, type Contender, type Run } from './contender.js';
import { forkRunner } from './fork-runner.js';
import { BULLMQ } from './names.js';
import { BULLMQ_QUEUE } from './queue-names.js';
import { seconds } from './seconds.js';
import { workSettings } from './work-settings.js';

export interface QueueTuning {
  /** Jobs that a worker has in flight. */
  readonly concurrency: number;
}

/** Jobs of one `addBulk`, which is one transaction: Redis does nothing else meanwhile. */
const BULK = 1_000;

/**
 * (d) BullMQ on Redis: this process adds the jobs in bulk while a worker process takes them, as a service with workers would.
 * A finished job is removed; a failed one fails the run.
 * @throws Missing when Redis is not installed
 */
export async function startBullmq(bench: Bench, { concurrency }: QueueTuning): Promise<Contender> {
  const { port, pid: redis } = await startRedis(bench.cleanup);
  const settings = workSettings(bench, `bullmq-${concurrency}`);
  const runner = await forkRunner('bullmq-process.ts', { ...settings, port, concurrency });
  bench.cleanup.add(() => runner.close());
  const queue = new Queue(BULLMQ_QUEUE, { connection: { host: '127.0.0.1', port } });
  bench.cleanup.add(() => queue.close());
  const { mongodb = 0, driver = 0 } = bench.pids;
  const add = async (run: Run): Promise<void> => {
    for (let from = 0; from < run.items; from += BULK) {
      const jobs = Array.from({ length: Math.min(BULK, run.items - from) }, (_, index) => ({
        name: 'import',
        data: jobOf(bench.origin.origin, run, from + index),
        opts: { attempts: 10, backoff: { type: 'exponential', delay: 1_000 }, removeOnComplete: true },
      }));
      await queue.addBulk(jobs);
    }
  };
  return {
    name: concurrency === 1 ? `${BULLMQ}, defaults` : BULLMQ,
    description: `Redis with an append-only file (everysec), addBulk, concurrency ${concurrency}, removeOnComplete`,
    pids: { worker: runner.pid, redis, mongodb, origin: bench.origin.pid, driver },
    blobs: settings.root,
    run: async (run) => ({ seconds: await seconds(() => Promise.all([runner.run(run), add(run)])), history: null }),
  };
}
