import { ImportError } from '../contract/errors.js';
import { classifyNetworkError } from './classify-network-error.js';

/** What undici refuses before it opens a socket: the arguments are ours, and so is the mistake. */
const OWN_MISTAKES: ReadonlySet<unknown> = new Set([
  'UND_ERR_INVALID_ARG',
  'UND_ERR_NOT_SUPPORTED',
  'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH',
]);

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}

/**
 * What to throw for a request that failed before its headers. Whatever a foreign host provokes ends the attempt with a reason,
 * however odd it is (undici's assertions about an answer, say): thrown as it is, it would pass for trouble of ours and be
 * retried without end. Only its code is kept, because the message may hold addresses or bytes of the host.
 * @returns an ImportError, or the error itself where our own arguments were refused before any I/O
 */
export function requestFailure(error: unknown): unknown {
  const known = classifyNetworkError(error, 'headers');
  if (known !== undefined) return known;
  const code = codeOf(error);
  if (OWN_MISTAKES.has(code)) return error;
  const hint = typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,60}$/.test(code) ? ` (${code})` : '';
  return new ImportError('connect_failed', `The request failed before an answer came${hint}`, { stage: 'headers' });
}
