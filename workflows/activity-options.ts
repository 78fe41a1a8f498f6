import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import type { ActivityOptions } from '@temporalio/workflow';
import type { Activities } from '../src/contract/activity-types.js';

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

const DATABASE = {
  // Counting and scanning 100,000 items by index takes below 2 seconds; a slow disk may take 20 times that.
  startToCloseTimeout: '40 seconds',
  retry: INFRASTRUCTURE_RETRY,
} satisfies ActivityOptions;

const SWEEP = {
  // A page's budget is 60 s; the rest is for the last item's patience (10 s) and its writes.
  startToCloseTimeout: '90 seconds',
  // Activities heartbeat every 2 s: a killed worker is noticed after 4 missed beats plus a second.
  heartbeatTimeout: '9 seconds',
  // Settling what is left of a cancelled batch must not race with a sweep that still runs.
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: WORK_RETRY,
} satisfies ActivityOptions;

const ITEM = {
  // An attempt ends by itself after 23 hours (activities/import-item.ts). Heartbeats watch over it meanwhile.
  startToCloseTimeout: '24 hours',
  heartbeatTimeout: '9 seconds',
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
  heartbeatTimeout: '9 seconds',
  // Whoever cancels a collection must find that nothing is removed any more.
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: INFRASTRUCTURE_RETRY,
} satisfies ActivityOptions;

export const { planRound, finishBatch } = proxyActivities<Activities>(DATABASE);
export const { sweepPage } = proxyActivities<Activities>(SWEEP);
export const { importItem } = proxyActivities<Activities>(ITEM);
export const { attemptWebhook } = proxyActivities<Activities>(WEBHOOK);
export const { collectBlobs, collectParts, collectRecords } = proxyActivities<Activities>(COLLECT);
