import { ImportError, type ReasonCode } from '../domain/errors.js';

const OWN_CODES: Readonly<Record<number, ReasonCode>> = {
  401: 'http_401',
  403: 'http_403',
  404: 'http_404',
  410: 'http_410',
};

const SENTENCES: Readonly<Record<number, string>> = {
  202: 'The source is still preparing the file (202)',
  204: 'The source answered without a body (204)',
  205: 'The source answered without a body (205)',
  206: 'The source sent a part of the file (206) although all of it was asked for',
  401: 'The source asks for credentials (401)',
  403: 'The source refuses access (403)',
  404: 'The source does not know the URL (404)',
  408: 'The source gave up waiting for the request (408)',
  410: 'The source has removed the file (410)',
  425: 'The source asks for the request to be made later (425)',
  429: 'The source answered that there are too many requests (429)',
};

/** A file is the content of a 200, or of a 203: the same, changed by a proxy on the way (RFC 9110 section 15.3.4). */
export function carriesFile(status: number): boolean {
  return status === 200 || status === 203;
}

/**
 * What a status other than that of a file means for the attempt.
 * @param retryAfterMs what the source asked for, if anything
 */
export function statusFailure(status: number, retryAfterMs: number | undefined): ImportError {
  const sentence = SENTENCES[status] ?? `The source answered with the status ${status}`;
  return new ImportError(codeOf(status), sentence, {
    stage: 'headers',
    httpStatus: status,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

function codeOf(status: number): ReasonCode {
  const own = OWN_CODES[status];
  if (own) return own;
  // 202 promises the file for later, which only another attempt can get.
  if (status === 202 || status === 408) return 'timeout';
  if (status === 204 || status === 205) return 'empty';
  if (status === 206) return 'truncated';
  if (status === 425 || status === 429) return 'rate_limited';
  if (status >= 500) return 'http_5xx';
  if (status >= 400) return 'http_4xx';
  // A redirect that the egress handed back has no target that it could follow (300, 304, 305).
  if (status >= 300) return 'redirect_refused';
  // 201, 207, 226 and the like describe something other than the file.
  return 'type_mismatch';
}
