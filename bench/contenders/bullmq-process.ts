import { Worker } from 'bullmq';
import type { ItemJob } from './contender.js';
import { createItemWork, type WorkSettings } from './item-work.js';
import { serveRuns } from './serve-runs.js';
import { BULLMQ_QUEUE } from './queue-names.js';
import { createCountdown } from './countdown.js';

const settings = JSON.parse(process.argv[2] ?? '') as WorkSettings & { port: number; concurrency: number };

/** A BullMQ worker; a run ends when so many jobs are recorded as completed in Redis. */
await serveRuns(async () => {
  const work = await createItemWork(settings);
  const countdown = createCountdown();
  const worker = new Worker<ItemJob>(BULLMQ_QUEUE, ({ data }) => work.importItem(data), {
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
