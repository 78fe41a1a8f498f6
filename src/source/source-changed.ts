import { ImportError } from '../contract/errors.js';

/** Once may be a release that went out meanwhile; a file that changes again is likely to keep changing. */
const ENOUGH_RESTARTS = 2;

/**
 * Names the cause of a body that broke off: a file that changed again and again had to be fetched from its beginning each time.
 * @param restarts how often the body had to be begun again because it had changed
 */
export function asSourceChanged(failure: unknown, restarts: number): unknown {
  if (restarts < ENOUGH_RESTARTS || !(failure instanceof ImportError)) return failure;
  if (!failure.retryable || failure.details.stage !== 'body') return failure;
  const sentence = `The file changed ${restarts} times while it was being fetched, and the last transfer broke off`;
  return new ImportError('source_changed', sentence, failure.details);
}
