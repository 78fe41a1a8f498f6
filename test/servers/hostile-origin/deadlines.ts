import type { RetryPolicy } from '../../../src/item/attempt.js';
import type { Fault, Limit } from './fault.js';

/** The limits that end attempts, in milliseconds. */
export interface Limits {
  readonly resolveMs: number;
  readonly connectMs: number;
  readonly headersMs: number;
  readonly idleMs: number;
  readonly speedWindowMs: number;
  readonly attemptMs: number;
}

/** Until the first 1xx answer, from there to the last one that is passed over, and after it: each as long as headers may take. */
const INTERIM_WAITS = 3;
/** The most that jitter adds to a pause. */
const JITTER = 1.1;

const LONGEST: Readonly<Record<Limit, (limits: Limits) => number>> = {
  resolve: ({ resolveMs }) => resolveMs,
  connect: ({ connectMs }) => connectMs,
  headers: ({ headersMs }) => headersMs,
  interim: ({ headersMs }) => INTERIM_WAITS * headersMs,
  idle: ({ idleMs }) => idleMs,
  // Speed is measured when bytes come: the last ones of the window may be as late as silence is allowed to be.
  speed: ({ speedWindowMs, idleMs }) => speedWindowMs + idleMs,
  attempt: ({ attemptMs }) => attemptMs,
};

/** How long the source can hold up one attempt by this fault; 0 when the answer itself ends it. */
export function longestAttemptMs(fault: Fault, limits: Limits): number {
  return fault.limit === undefined ? 0 : LONGEST[fault.limit](limits);
}

/** How long the fault can keep an item open in all: every attempt as long as it can be, every pause with its full jitter. */
export function longestOpenMs(
  fault: Fault,
  limits: Limits,
  { initialMs, maxMs }: Omit<RetryPolicy, 'attempts'>,
): number {
  const { attempts } = fault.ends;
  const backoffs = Array.from({ length: attempts - 1 }, (_, turn) => Math.min(maxMs, initialMs * 2 ** turn * JITTER));
  const pauses = backoffs.map((backoff) => Math.max(backoff, fault.asksToWaitMs ?? 0));
  return attempts * longestAttemptMs(fault, limits) + pauses.reduce((sum, pause) => sum + pause, 0);
}
