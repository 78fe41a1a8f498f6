import type { Worker } from '@temporalio/worker';
import type { Activities } from '../../src/temporal/activity-api.js';
import { TASK_QUEUES, type TaskQueueKind } from '../../src/temporal/names.js';
import { createWorkers, runWorkers, workerOptions } from '../../src/process/task-queues.js';
import { aTaskQueue, type TestTemporal } from '../servers/temporal.js';
import { workflowBundle } from './workflow-bundle.js';

/** The workers of one process, one a task queue, with the workflow code at hand and these activities. */
export async function aWorkerProcess(
  temporal: TestTemporal,
  taskQueue: string,
  activities: Partial<Activities>,
  { pages = 10, kinds = TASK_QUEUES }: { pages?: number; kinds?: readonly TaskQueueKind[] | undefined } = {},
): Promise<Worker[]> {
  const options = workerOptions(taskQueue, pages, { workflowBundle: await workflowBundle() });
  const members = Object.fromEntries(Object.entries(activities).filter(([, member]) => typeof member === 'function'));
  for (const [kind, each] of options) {
    if (kinds.includes(kind)) options.set(kind, { ...each, identity: 'test-worker' });
    else options.delete(kind);
  }
  const workers = await createWorkers(temporal.nativeConnection, temporal.namespace, members, options);
  return [...workers.values()];
}

/** Runs a worker process with the workflow code at hand and these activities, on queues of its own, while `body` uses it. */
export async function withWorkflowWorker<T>(
  temporal: TestTemporal,
  activities: Partial<Activities>,
  body: (taskQueue: string) => Promise<T>,
  taskQueue = aTaskQueue(),
): Promise<T> {
  const workers = await aWorkerProcess(temporal, taskQueue, activities);
  return runWorkers(workers, () => body(taskQueue));
}
