import type { Priority } from '@temporalio/common';
import {
  workflowInfo,
  ActivityCancellationType,
  proxyActivities,
  proxyLocalActivities,
  type ActivityOptions,
} from '@temporalio/workflow';
import { DEFAULT_PRIORITY } from '../src/domain/import.js';
import type { Activities } from '../src/temporal/activity-api.js';
import { taskQueueOf, type TaskQueueKind } from '../src/temporal/names.js';

/** Items of a page by default. */
const ITEMS_OF_A_TURN = 50;

/**
 * Temporal counts turns in tasks, whatever they hold. The activity of one item takes a fiftieth of what a page takes, so that a
 * small batch is not made to wait for one page of another project after each of its items. Fields that are absent are inherited.
 */
export function priorityOfItem(): Priority {
  return { fairnessWeight: (workflowInfo().priority?.fairnessWeight ?? 1) * ITEMS_OF_A_TURN };
}

/** A webhook is a short request that a client waits for: never less urgent than usual, however little its batch was. */
export function priorityOfWebhook(): Priority {
  return { priorityKey: Math.min(DEFAULT_PRIORITY, workflowInfo().priority?.priorityKey ?? DEFAULT_PRIORITY) };
}

/**
 * Every activity timeout and retry in one table. None has `maximumAttempts`: what fails here is our own infrastructure
 * (MongoDB away, a worker killed), which never uses up the attempts of an item. Those are counted in its document.
 */
const INFRASTRUCTURE_RETRY = {
  // A restarted database is back within seconds.
  initialInterval: '500 milliseconds',
  backoffCoefficient: 2,
  // An outage of an hour must be noticed within half a minute of its end.
  maximumInterval: '30 seconds',
} as const;

const WORK_RETRY = {
  ...INFRASTRUCTURE_RETRY,
  // The death of a worker counts like any failure: with 9 s of missed heartbeats before it, what was under way is tried again
  // within 12 s however often that happens. While the database is away a try lasts 15 s, so this does not press it.
  maximumInterval: '1 second',
} as const;

/** Activities heartbeat every 2 s: a killed worker is noticed after 4 missed beats plus a second. */
const HEARTBEAT_TIMEOUT = '9 seconds';

const DATABASE = {
  // Counting reads every item of a batch: 100,000 take 2 seconds, and ten million of them on a slow disk come close to this.
  startToCloseTimeout: '20 minutes',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  retry: INFRASTRUCTURE_RETRY,
} satisfies ActivityOptions;

const REOPEN = {
  ...DATABASE,
  // Settling what is left of a cancelled batch must not race with what opens items.
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
} satisfies ActivityOptions;

const SWEEP = {
  // A page's budget is 60 s; the rest is for the last item's patience (10 s) and its writes.
  startToCloseTimeout: '90 seconds',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  // Settling what is left of a cancelled batch must not race with a sweep that still runs.
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: WORK_RETRY,
} satisfies ActivityOptions;

const ITEM = {
  // An attempt ends by itself after 23 hours (src/item/single.ts). Heartbeats watch over it meanwhile.
  startToCloseTimeout: '24 hours',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: WORK_RETRY,
} satisfies ActivityOptions;

const WEBHOOK = {
  // The attempt itself is limited to WEBHOOK_TIMEOUT (15 s, at most 45 s) plus name resolution (5 s) and two writes.
  startToCloseTimeout: '60 seconds',
  retry: INFRASTRUCTURE_RETRY,
} satisfies ActivityOptions;

const COLLECT = {
  // 10 million blobs are listed in 10,000 requests with a query each: an hour or two. Heartbeats watch over it meanwhile.
  startToCloseTimeout: '12 hours',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  // When the cancellation of a collection has completed, nothing is removed any more.
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: INFRASTRUCTURE_RETRY,
} satisfies ActivityOptions;

const SHORT_STEP = {
  // A few writes to the database. While it is away, the step is repeated within the workflow task, and later with a timer.
  startToCloseTimeout: '10 seconds',
  retry: INFRASTRUCTURE_RETRY,
} as const;

export const { planRound, planWork, finishBatch, markPaused } = proxyActivities<Activities>(DATABASE);
export const { reopenFailed } = proxyActivities<Activities>(REOPEN);
export const { sweepPage } = proxyActivities<Activities>(SWEEP);
export const { importItem } = proxyActivities<Activities>(ITEM);
export const { attemptWebhook } = proxyActivities<Activities>(WEBHOOK);
export const { collectBlobs, collectParts, collectRecords, probeMedia } = proxyActivities<Activities>(COLLECT);
/** The same as an activity, without the way through the server. Only where nothing polls the run for longer than a few writes. */
export const { finishBatch: finishBatchLocally } = proxyLocalActivities<Activities>(SHORT_STEP);

/** Gives an activity to the slots that are there for its kind. */
export function on(kind: TaskQueueKind): { taskQueue: string } {
  return { taskQueue: taskQueueOf(workflowInfo().taskQueue, kind) };
}
