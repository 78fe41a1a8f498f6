import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { WorkerOptions } from '@temporalio/worker';

/** How a worker process shares itself out. */
export const WORKER_LIMITS = {
  // 8 pages of several batches and 50 lanes of single items fit; each is a few sockets and buffers, not a thread.
  maxConcurrentActivityTaskExecutions: 120,
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

/** The workflow code: bundled by the build, or bundled now when running from sources. */
export function workflowCode(): Pick<WorkerOptions, 'workflowBundle' | 'workflowsPath'> {
  const codePath = fileURLToPath(new URL('../workflow-bundle.js', import.meta.url));
  if (existsSync(codePath)) return { workflowBundle: { codePath } };
  return { workflowsPath: fileURLToPath(new URL('../workflows/index.js', import.meta.url)) };
}
