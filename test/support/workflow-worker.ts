import { Worker } from '@temporalio/worker';
import type { Activities } from '../../src/contract/activity-types.js';
import { aTaskQueue, type TestTemporal } from './temporal.js';
import { workflowBundle } from './workflow-bundle.js';

/** Runs a worker with the workflow code at hand and these activities while `body` uses it, on a task queue of its own by default. */
export async function withWorkflowWorker(
  temporal: TestTemporal,
  activities: Partial<Activities>,
  body: (taskQueue: string) => Promise<void>,
  taskQueue = aTaskQueue(),
): Promise<void> {
  const worker = await Worker.create({
    connection: temporal.nativeConnection,
    namespace: temporal.namespace,
    identity: 'test-worker',
    taskQueue,
    workflowBundle: await workflowBundle(),
    activities: Object.fromEntries(Object.entries(activities).filter(([, member]) => typeof member === 'function')),
  });
  await worker.runUntil(() => body(taskQueue));
}
