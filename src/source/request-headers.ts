import type { KeptPart } from '../contract/blob-part.js';
import type { Validators } from '../contract/source.js';

export interface Asking {
  /** Names the product to the operators of sources. */
  readonly userAgent: string;
  /** Asks for what is newer than this only. */
  readonly unless: Validators | undefined;
  /** Asks for what is missing only. */
  readonly part: KeptPart | null;
}

/**
 * The headers of a request for a file. A source that is asked for both looks at the condition first and at the range afterwards
 * (RFC 9110 section 13.2.2).
 */
export function requestHeaders({ userAgent, unless, part }: Asking): Record<string, string> {
  return {
    accept: '*/*',
    // A coding would have to be undone: the plain file is what is stored.
    'accept-encoding': 'identity',
    'user-agent': userAgent,
    ...condition(unless),
    ...(part === null ? {} : { range: `bytes=${part.kept}-`, 'if-range': part.etag }),
  };
}

/** Whether a 304 would be an answer to what was asked. */
export function isConditional(unless: Validators | undefined): boolean {
  return Object.keys(condition(unless)).length > 0;
}

/** RFC 9110 section 13.1.3: a date beside an ETag would be ignored. */
function condition(unless: Validators | undefined): Record<string, string> {
  if (unless?.etag !== undefined) return { 'if-none-match': unless.etag };
  if (unless?.lastModified !== undefined) return { 'if-modified-since': unless.lastModified };
  return {};
}
