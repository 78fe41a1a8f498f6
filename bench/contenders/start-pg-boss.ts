import PgBoss from 'pg-boss';
import { startPostgres } from '../setup/postgres-server.js';
import type { Bench } from '../setup/with-bench.js';
import { jobOf, type Contender, type Run } from './contender.js';
import { forkRunner } from './fork-runner.js';
import { PG_BOSS } from './names.js';
import { PG_BOSS_QUEUE } from './queue-names.js';
import { seconds } from './seconds.js';
import { workSettings } from './work-settings.js';

/** Jobs of one `insert`, which is one statement. */
const BULK = 1_000;

/**
 * (e) pg-boss on PostgreSQL: this process inserts the jobs in bulk while a worker process fetches and completes them in batches.
 * @param tuned two loops that fetch 64 jobs each; else `work` as it is without options: one job, every 2 seconds
 * @throws Missing when PostgreSQL is not installed or cannot be run
 */
export async function startPgBoss(bench: Bench, { tuned }: { tuned: boolean }): Promise<Contender> {
  const { port, pid: postgres } = await startPostgres(bench.cleanup);
  const url = `postgres://bench@127.0.0.1:${port}/postgres`;
  const boss = new PgBoss({ connectionString: url, supervise: false, schedule: false });
  boss.on('error', (error) => {
    bench.report(`pg-boss: ${error.message}`);
  });
  await boss.start();
  bench.cleanup.add(() => boss.stop({ graceful: false, wait: true }));
  await boss.createQueue(PG_BOSS_QUEUE);
  const settings = workSettings(bench, tuned ? 'pg-boss' : 'pg-boss-defaults');
  const runner = await forkRunner('pg-boss-process.ts', { ...settings, url, tuned });
  bench.cleanup.add(() => runner.close());
  const { mongodb = 0, driver = 0 } = bench.pids;
  const add = async (run: Run): Promise<void> => {
    for (let from = 0; from < run.items; from += BULK) {
      const jobs = Array.from({ length: Math.min(BULK, run.items - from) }, (_, index) => ({
        name: PG_BOSS_QUEUE,
        data: jobOf(bench.origin.origin, run, from + index),
        retryLimit: 10,
        retryBackoff: true,
      }));
      await boss.insert(jobs);
    }
  };
  return {
    name: tuned ? PG_BOSS : `${PG_BOSS}, defaults`,
    description: tuned
      ? 'PostgreSQL with every commit on disk, bulk insert, two loops that fetch and complete 64 jobs each'
      : 'PostgreSQL, bulk insert, work() as it is: one job every 2 s',
    pids: { worker: runner.pid, postgres, mongodb, origin: bench.origin.pid, driver },
    blobs: settings.root,
    run: async (run) => ({ seconds: await seconds(() => Promise.all([runner.run(run), add(run)])), history: null }),
  };
}
