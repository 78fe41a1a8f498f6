import type { ImportError, ReasonCode } from '../contract/errors.js';
import type { HostEvidence } from '../contract/hosts.js';

/**
 * What an attempt tells about its host. answered: it works, whatever it said about the URL; unasked: it was not asked, or the
 * failure was ours; else a failure, with what it is evidence of.
 */
export type HostOutcome = { readonly kind: 'answered' } | { readonly kind: 'unasked' } | HostFailure;

export interface HostFailure {
  readonly kind: HostEvidence;
  readonly code: ReasonCode;
  readonly retryAfterMs?: number;
}

/** The server is there and cannot do its work, says RFC 9110 section 15.6. A 500 may be the fault of the one URL. */
const DOWN_STATUSES: ReadonlySet<number> = new Set([502, 503, 504]);

const UNASKED: ReadonlySet<ReasonCode> = new Set([
  'url_not_allowed',
  'metadata_invalid',
  'storage_failed',
  'kind_conflict',
  'cancelled',
]);

/**
 * What the failure of an attempt tells about the host that failed. A certificate that is not valid counts as an answer: items
 * fail at once with it, and waiting would only make them late.
 */
export function hostOutcome({ code, details }: ImportError): HostOutcome {
  const { httpStatus, stage, retryAfterMs, isOurs = false } = details;
  if (isOurs) return { kind: 'unasked' };
  const failure = { code, ...(retryAfterMs !== undefined && { retryAfterMs }) };
  // 425 is about the one request (RFC 8470 section 5.2), not about the host.
  if (code === 'rate_limited' && httpStatus !== 425) return { kind: 'busy', ...failure };
  if (httpStatus === 503 && retryAfterMs !== undefined) return { kind: 'busy', ...failure };
  if (httpStatus !== undefined) return DOWN_STATUSES.has(httpStatus) ? { kind: 'down', ...failure } : ANSWERED;
  if (code === 'connect_failed' || code === 'dns_failed') return { kind: 'down', ...failure };
  if (code === 'timeout' && stage !== 'body') return { kind: stage === 'headers' ? 'silent' : 'down', ...failure };
  return UNASKED.has(code) ? { kind: 'unasked' } : ANSWERED;
}

const ANSWERED = { kind: 'answered' } as const;
