import { isUtf8 } from 'node:buffer';
import type { IncomingHttpHeaders } from 'node:http';
import { ImportError } from '../contract/errors.js';
import type { AllowList } from './allow-list.js';
import { parseUrl } from './parse-url.js';
import { checkUrl, MAX_URL_BYTES } from './url-rules.js';

/** RFC 9110 section 15.4: the statuses whose Location is to be followed. 300 and 304 are answers. */
const REDIRECT_STATUSES: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** Credentials, and the name of the host, are for the origin they were given for (RFC 9110 section 15.4). */
const ORIGIN_BOUND_HEADERS: ReadonlySet<string> = new Set(['authorization', 'cookie', 'host', 'proxy-authorization']);

// The parser encodes spaces and all that is not ASCII, as browsers do; these are read differently by parsers.
const UNSAFE_CHARACTERS = /[\p{Cc}\\]/u;

export function isRedirect(status: number): boolean {
  return REDIRECT_STATUSES.has(status);
}

/** A refusal of a redirect. `message` tells the rule, never the target. */
export function redirectRefused(message: string, httpStatus?: number): ImportError {
  return new ImportError('redirect_refused', message, {
    stage: 'headers',
    ...(httpStatus === undefined ? {} : { httpStatus }),
  });
}

/**
 * A header as its bytes were meant: they arrive one a character (latin1). Browsers read raw UTF-8 in a Location, and pass on other
 * bytes as they are.
 */
function textOfHeader(value: string): string {
  const bytes = Buffer.from(value, 'latin1');
  return isUtf8(bytes)
    ? bytes.toString('utf8')
    : value.replace(/[\x80-\xff]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`);
}

/**
 * Where a redirect leads, having passed the same rules as a posted URL.
 * @throws ImportError redirect_refused
 */
export function redirectTarget(from: URL, status: number, headers: IncomingHttpHeaders, allow: AllowList): URL {
  if (typeof headers.location !== 'string' || headers.location === '')
    throw redirectRefused('The redirect names no single target', status);
  const location = textOfHeader(headers.location);
  if (Buffer.byteLength(location) > MAX_URL_BYTES) {
    throw redirectRefused(`The target of the redirect is longer than ${MAX_URL_BYTES} bytes`, status);
  }
  const target = UNSAFE_CHARACTERS.test(location) ? undefined : parseUrl(location, from);
  if (target === undefined) throw redirectRefused('The target of the redirect is not a valid URL', status);
  const verdict = checkUrl(target.href, allow);
  if (!verdict.ok) throw redirectRefused('The redirect led to an address that may not be fetched', status);
  if (from.protocol === 'https:' && verdict.url.protocol !== 'https:') {
    throw redirectRefused('The redirect led from https to http', status);
  }
  return verdict.url;
}

/** The request headers for the next hop: without credentials when it is another origin. */
export function headersForHop(headers: Readonly<Record<string, string>>, from: URL, to: URL): Record<string, string> {
  const kept = Object.entries(headers).filter(
    ([name]) => from.origin === to.origin || !ORIGIN_BOUND_HEADERS.has(name.toLowerCase()),
  );
  return Object.fromEntries(kept);
}
