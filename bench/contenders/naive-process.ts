import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { jobOf } from './contender.js';
import { createItemWork, type WorkSettings } from './item-work.js';
import { NAIVE_TASK_QUEUE } from './naive-task-queue.js';
import type { NaiveActivities } from './naive-workflow.js';
import { serveRuns } from './serve-runs.js';

const settings = JSON.parse(process.argv[2] ?? '') as WorkSettings & { temporal: string; codePath: string };

/** The worker of the naive shape, with the limits of the service's own. Runs come through Temporal, not as messages. */
await serveRuns(async () => {
  Runtime.install({ shutdownSignals: [], logger: new DefaultLogger('WARN') });
  const work = await createItemWork(settings);
  const connection = await NativeConnection.connect({ address: settings.temporal });
  const activities: NaiveActivities = {
    importOne: (run, seq) => work.importItem(jobOf(settings.origin, run, seq)),
  };
  const worker = await Worker.create({
    connection,
    taskQueue: NAIVE_TASK_QUEUE,
    workflowBundle: { codePath: settings.codePath },
    activities: { ...activities },
    // As WORKER_LIMITS of the service has it: its 100 lanes fit.
    maxConcurrentActivityTaskExecutions: 120,
    maxCachedWorkflows: 100,
  });
  const running = worker.run();
  return {
    run: () => Promise.reject(new Error('Runs are workflows here')),
    async close() {
      worker.shutdown();
      await running;
      await Promise.all([connection.close(), work.close()]);
    },
  };
});
