import type { IncomingHttpHeaders } from 'node:http';
import { CookieJar } from 'tough-cookie';

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
