import { NativeConnection } from '@temporalio/worker';
import { createWorkers, runWorkers, workerOptions } from '../../src/process/task-queues.js';
import { flowActivities, type FlowWorld } from './flow-rig.js';

/*
 * A worker process of a flow rig that dies of certain items: at the answer for one it kills itself, as a process does that a file makes run
 * out of memory. Started by test/workflow/poison.test.ts, again and again.
 */
const world = JSON.parse(process.argv[2] ?? '') as FlowWorld & { taskQueue: string; temporal: string };

const { activities } = await flowActivities(world, {}, (source) => ({
  ...source,
  fetch: (request) =>
    source.fetch({
      ...request,
      onAnswered: async () => {
        await request.onAnswered?.();
        if (request.url.includes('poison')) process.kill(process.pid, 'SIGKILL');
      },
    }),
}));
const connection = await NativeConnection.connect({ address: world.temporal });
const options = workerOptions(world.taskQueue, 10, {});
for (const kind of ['control', 'webhooks', 'collection'] as const) options.delete(kind);
const workers = await createWorkers(connection, 'default', activities, options);
process.stdout.write('polling\n');
await runWorkers(workers.values(), () => new Promise<never>(() => undefined));
