import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { WorkerOptions, WorkerTuner } from '@temporalio/worker';
import { createActivitySlots } from './activity-slots.js';

/** How a worker process shares itself out. */
export const WORKER_LIMITS = {
  // No activity is handed over with the answer to a workflow task: it would pass by the order of the queue.
  maxEagerActivityReservationsPerWorkflowTask: 0,
  // About 1 MiB each: bounds the memory of a worker that has thousands of batches waiting for timers.
  maxCachedWorkflows: 100,
  // Heartbeats every 2 s must really go out every 2 s: they carry cancellations, and their absence a crash.
  maxHeartbeatThrottleInterval: '2 seconds',
  defaultHeartbeatThrottleInterval: '2 seconds',
  // Long enough for small items in flight to settle; what is left is tried again elsewhere at no cost.
  shutdownGraceTime: '5 seconds',
  // An activity that does not listen must not hold up a deploy.
  shutdownForceTime: '15 seconds',
} as const satisfies Partial<WorkerOptions>;

/** 50 lanes of single items of two batches, and all else that is short; each is a few sockets and buffers, not a thread. */
const ACTIVITIES = 120;

/** The slots of one worker that works on so many pages at a time: to be made anew for each, because they count what it runs. */
export function workerTuner(pages: number): WorkerTuner {
  return {
    activityTaskSlotSupplier: createActivitySlots({ activities: ACTIVITIES, pages }),
    // The SDK's own number: workflow tasks share one thread and take milliseconds.
    workflowTaskSlotSupplier: { type: 'fixed-size', numSlots: 40 },
    // There are neither local activities nor Nexus operations; a supplier has at least one slot.
    localActivityTaskSlotSupplier: { type: 'fixed-size', numSlots: 1 },
    nexusTaskSlotSupplier: { type: 'fixed-size', numSlots: 1 },
  };
}

/** The workflow code: bundled by the build, or bundled now when running from sources. */
export function workflowCode(): Pick<WorkerOptions, 'workflowBundle' | 'workflowsPath'> {
  const codePath = fileURLToPath(new URL('../workflow-bundle.js', import.meta.url));
  if (existsSync(codePath)) return { workflowBundle: { codePath } };
  return { workflowsPath: fileURLToPath(new URL('../workflows/index.js', import.meta.url)) };
}
