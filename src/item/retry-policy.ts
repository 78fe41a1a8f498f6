import type { ImportError } from '../contract/errors.js';

export interface RetryPolicy {
  /** Attempts an item gets in all. */
  readonly attempts: number;
  readonly initialMs: number;
  readonly maxMs: number;
}

/** A source may ask for a pause of 15 minutes at most; jitter does not make it longer. */
const LONGEST_RETRY_AFTER_MS = 15 * 60_000;
/** Added to a pause so that items which failed together do not come back together. */
const JITTER = 0.1;

/**
 * The pause before the next attempt in milliseconds, or null when there is none: doubling from `initialMs` to `maxMs`, or what
 * the source asked for with Retry-After, whichever is longer.
 * @param concluded attempts that have ended, this one included
 */
export function nextDelayMs(policy: RetryPolicy, error: ImportError, concluded: number): number | null {
  const limit = Math.min(policy.attempts, error.details.maxAttempts ?? Infinity);
  if (!error.retryable || concluded >= limit) return null;
  const jitter = 1 + Math.random() * JITTER;
  const backoff = Math.min(policy.maxMs, policy.initialMs * 2 ** (concluded - 1) * jitter);
  const asked = Math.min(LONGEST_RETRY_AFTER_MS, (error.details.retryAfterMs ?? 0) * jitter);
  return Math.max(asked, backoff);
}
