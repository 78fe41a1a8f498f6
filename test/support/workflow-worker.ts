import { Worker } from '@temporalio/worker';
import type { Activities } from '../../src/contract/activity-types.js';
import { aTaskQueue, type TestTemporal } from './temporal.js';
import { workflowBundle } from './workflow-bundle.js';

/** Runs a worker with the workflow code at hand and these activities on a task queue of its own while `body` uses it. */
export async function withWorkflowWorker(
  temporal: TestTemporal,
  activities: Partial<Activities>,
  body: (taskQueue: string) => Promise<void>,
): Promise<void> {
  const taskQueue = aTaskQueue();
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
