import { ImportError } from '../contract/errors.js';
import { classifyNetworkError } from '../egress/classify-network-error.js';

/**
 * What the failure of a body stream means. Only silence has a code of its own: whatever else breaks a body after its headers
 * (reset, close, a broken chunk) means that not all of it came, and that another attempt may get it. The failure is not kept as
 * `cause`, because Node writes addresses into its messages.
 * @param received wire bytes that had arrived, those of earlier attempts among them
 */
export function bodyError(failure: unknown, received: number): ImportError {
  return classifyNetworkError(failure, 'body')?.code === 'timeout'
    ? new ImportError('timeout', `The source fell silent after ${received} bytes of the body`, { stage: 'body' })
    : new ImportError('truncated', `The connection broke after ${received} bytes of the body`, { stage: 'body' });
}
