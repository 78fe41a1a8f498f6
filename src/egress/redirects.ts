import { isUtf8 } from 'node:buffer';
import type { IncomingHttpHeaders } from 'node:http';
import { CookieJar } from 'tough-cookie';
import { ImportError } from '../domain/errors.js';
import type { AllowList } from './addresses.js';
import { parseUrl, checkUrl, MAX_URL_BYTES } from './urls.js';

/** Per cookie and in number what RFC 6265 section 6.1 asks of a browser. */
const MAX_COOKIE_BYTES = 4096;
const MAX_COOKIES = 50;
/** Servers commonly refuse requests with more than 8 KiB of headers. */
const MAX_SENT_BYTES = 6 * 1024;

/** The cookies of one chain of redirects. */
export interface HopCookies {
  /** Takes what the answer of `from` sets; what breaks the rules is passed over. */
  keep(from: URL, headers: IncomingHttpHeaders): void;
  /** The Cookie header for a request to `to`; empty when there is none to send. */
  headerFor(to: URL): { readonly cookie?: string };
}

/**
 * Some sources hand out a cookie with a redirect and ask for it at the next hop. RFC 6265 decides what goes where: the host that
 * set a cookie, or its subdomains where it says so (never all of a public suffix), its path, https only where it says so. The
 * cookies end with the chain: they are in no log and in no store, and no other request sees them.
 */
export function createHopCookies(): HopCookies {
  let jar: CookieJar | undefined;
  let taken = 0;

  return {
    keep(from, headers) {
      // An array by its type; undici gives a single one as a string.
      for (const line of [headers['set-cookie'] ?? []].flat()) {
        if (taken >= MAX_COOKIES) return;
        if (line.length > MAX_COOKIE_BYTES) continue;
        jar ??= new CookieJar();
        if (jar.setCookieSync(line, from.href, { ignoreError: true }) !== undefined) taken += 1;
      }
    },
    headerFor(to) {
      let bytes = 0;
      const pairs = (jar?.getCookiesSync(to.href) ?? [])
        .map((cookie) => cookie.cookieString())
        .filter((pair) => (bytes += pair.length + 2) <= MAX_SENT_BYTES);
      return pairs.length === 0 ? {} : { cookie: pairs.join('; ') };
    },
  };
}

/** The Cookie header for a request that has one of its own: a second one is not allowed (RFC 6265 section 5.4). */
export function joinedCookies(
  own: Readonly<Record<string, string>>,
  { cookie }: ReturnType<HopCookies['headerFor']>,
): { readonly cookie?: string } {
  if (cookie === undefined) return {};
  return { cookie: own['cookie'] === undefined ? cookie : `${own['cookie']}; ${cookie}` };
}

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
