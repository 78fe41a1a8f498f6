import { setTimeout as delay } from 'node:timers/promises';
import PgBoss from 'pg-boss';
import type { ItemJob } from './contender.js';
import { createCountdown } from './countdown.js';
import { createItemWork, type WorkSettings } from './item-work.js';
import { PG_BOSS_QUEUE } from './queue-names.js';
import { serveRuns } from './serve-runs.js';

/** One fetches and completes while the other works; 128 items in flight, as in the bare loop. */
const LOOPS = 2;
const FETCH = 64;
/** Of a loop that found nothing, such as between two runs. */
const IDLE_MS = 20;

const settings = JSON.parse(process.argv[2] ?? '') as WorkSettings & { url: string; tuned: boolean };

/** A pg-boss worker; a run ends when so many jobs are completed in PostgreSQL. */
await serveRuns(async () => {
  const work = await createItemWork(settings);
  const countdown = createCountdown();
  const boss = new PgBoss({ connectionString: settings.url, supervise: false, schedule: false });
  boss.on('error', (error) => {
    countdown.fail(error);
  });
  await boss.start();
  const closing = new AbortController();
  const loop = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      const jobs = await boss.fetch<ItemJob>(PG_BOSS_QUEUE, { batchSize: FETCH });
      if (jobs.length === 0) {
        await delay(IDLE_MS);
        continue;
      }
      await Promise.all(jobs.map(({ data }) => work.importItem(data)));
      await boss.complete(
        PG_BOSS_QUEUE,
        jobs.map(({ id }) => id),
      );
      countdown.done(jobs.length);
    }
  };
  let loops: Promise<unknown> = Promise.resolve();
  if (settings.tuned) {
    loops = Promise.all(Array.from({ length: LOOPS }, loop)).catch((error: unknown) => {
      countdown.fail(error);
    });
  } else {
    await boss.work<ItemJob>(PG_BOSS_QUEUE, async (jobs) => {
      for (const { data } of jobs) await work.importItem(data);
      countdown.done(jobs.length);
    });
  }
  return {
    run: ({ items }) => countdown.start(items),
    async close() {
      closing.abort();
      await loops;
      await boss.stop({ graceful: false, wait: true });
      await work.close();
    },
  };
});
