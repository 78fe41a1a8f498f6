import { ImportError } from '../contract/errors.js';

/** Whether another attempt would end in the same way, so that nothing need be kept for it. */
export function isFinal(error: unknown): boolean {
  return error instanceof ImportError && !error.retryable;
}
