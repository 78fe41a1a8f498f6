import { isIP } from 'node:net';
import { isPermitted, WEB_PORTS, type AllowList } from './addresses.js';

/** Four times the longest host name, for percent-encoded and international ones. Parsing 2.6 KiB of the latter takes 30 ms. */
const MAX_AUTHORITY_BYTES = 1024;

/** Where the platform looks for an authority: behind a scheme, or behind two slashes of either kind. */
const AUTHORITY = /^(?: *[a-z][a-z0-9+.-]*:[/\\]*| *[/\\]{2,})([^/\\?#]*)/i;

/**
 * Parses as the platform does, which is also how undici reads a URL.
 * @returns undefined for what is no URL, and for an authority of more than 1 KiB. Not asked by URL.canParse: once compiled,
 * Node 20 lets it misread text outside of ASCII and call valid what `new URL` throws at
 */
export function parseUrl(text: string, base?: URL): URL | undefined {
  if (Buffer.byteLength(AUTHORITY.exec(text)?.[1] ?? '') > MAX_AUTHORITY_BYTES) return undefined;
  try {
    return new URL(text, base);
  } catch {
    return undefined;
  }
}

/** The port that a URL or a connection means: its own, or that of its scheme. */
export function effectivePort({ protocol, port }: { readonly protocol: string; readonly port: string }): number {
  if (port !== '') return Number(port);
  return protocol === 'https:' ? 443 : 80;
}

/** Longest URL, in bytes of UTF-8; the HTTP contract fixes it. */
export const MAX_URL_BYTES = 8192;

/** `why` is safe to show to the client: it tells the rule, never what was found behind a name. */
export type UrlVerdict = { readonly ok: true; readonly url: URL } | { readonly ok: false; readonly why: string };

/**
 * Suffixes that are resolved inside of a network only: RFC 6761/6762 (with its appendix G), RFC 8375, ICANN's `internal` and its
 * name collisions (`corp`, `home`, `mail`), what Kubernetes, Consul, Docker and home routers use, and `arpa`, which names
 * infrastructure. `onion` and `alt` never belong to DNS (RFC 7686, RFC 9476).
 */
const LOCAL_SUFFIXES: ReadonlySet<string> = new Set([
  'alt',
  'arpa',
  'cluster',
  'consul',
  'corp',
  'docker',
  'domain',
  'home',
  'internal',
  'intra',
  'intranet',
  'invalid',
  'lan',
  'local',
  'localdomain',
  'localdomain4',
  'localdomain6',
  'localhost',
  'mail',
  'onion',
  'private',
  'svc',
  'test',
  'workgroup',
]);

/** Parsers drop these silently or disagree about them. Everything else the WHATWG parser encodes, as browsers do. */
const UNSAFE_CHARACTER = /[\p{Cc}\p{Cs}\\]/u;

/** What neither a host name nor its port has; the parser refuses a host for one of them without saying which. */
const STRANGE_IN_AUTHORITY = /[^\p{L}\p{N}\p{M}.:_[\]-]/u;

/** Blanks and invisible characters: what a client cannot find in a URL without being told where it is. */
const INVISIBLE = /[\p{Z}\p{Cf}]/u;

/** Names of characters that come into URLs by copying; all others are told by their code point alone. */
const CHARACTER_NAMES: Readonly<Record<string, string>> = {
  '\0': 'NUL',
  '\t': 'a tab',
  '\n': 'a line feed',
  '\r': 'a carriage return',
  ' ': 'a space',
  '\\': 'a backslash',
  '\u00a0': 'a no-break space',
  '\u00ad': 'a soft hyphen',
  '\u200b': 'a zero-width space',
  '\ufeff': 'a byte order mark',
};

/** Advice for developers who try the service with an origin of their own. */
const LOCAL_ORIGINS = 'for a local or private origin see EGRESS_ALLOW in docs/configuration.md';

/** RFC 1035 section 2.3.4. */
const MAX_NAME_LENGTH = 253;
const MAX_LABEL_LENGTH = 63;

function refuse(why: string): UrlVerdict {
  return { ok: false, why };
}

/** Names the first character of the URL that a pattern finds, and its place as a reader counts it. */
function refuseCharacter(where: string, raw: string, pattern: RegExp, from = 0): UrlVerdict | null {
  const at = from + raw.slice(from).search(pattern);
  if (at < from) return null;
  const character = String.fromCodePoint(raw.codePointAt(at) ?? 0);
  const code = `U+${(raw.codePointAt(at) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
  const name = Object.hasOwn(CHARACTER_NAMES, character) ? `${CHARACTER_NAMES[character] ?? ''} (${code})` : code;
  return refuse(`${where} holds ${name} at character ${Array.from(raw.slice(0, at)).length + 1}`);
}

function isPublicName(name: string): boolean {
  const labels = name.split('.');
  if (labels.length < 2 || name.length > MAX_NAME_LENGTH) return false;
  if (labels.some((label) => label === '' || label.length > MAX_LABEL_LENGTH)) return false;
  return !LOCAL_SUFFIXES.has(labels.at(-1) ?? '');
}

/**
 * Refuses what can be refused without asking the network: CONTRACT "An item URL that can be refused …". Asked when a URL is
 * posted, before every attempt and for every redirect. The URL that is answered is normalised (spaces around it and one trailing
 * dot of the name gone, what is not ASCII encoded) and is the one to use. What a name resolves to is checked later, when the
 * connection is made; on a port that only the allow list names, a name passes here and has to resolve into the list.
 */
// eslint-disable-next-line complexity -- a row of independent rules, each with its message
export function checkUrl(raw: unknown, allow: AllowList): UrlVerdict {
  if (typeof raw !== 'string') return refuse('The URL must be a string');
  if (raw.length > MAX_URL_BYTES || Buffer.byteLength(raw) > MAX_URL_BYTES) {
    return refuse(`The URL is longer than ${MAX_URL_BYTES} bytes`);
  }
  const unsafe = refuseCharacter('The URL', raw, UNSAFE_CHARACTER);
  if (unsafe !== null) return unsafe;
  // The parser would also take "http:host", "http:///host" and "http:/host", which other parsers read differently.
  const [before, authority] = /^( *https?:\/\/)([^/?#]+)/i.exec(raw)?.slice(1) ?? [];
  if (before === undefined || authority === undefined) {
    const scheme = raw.slice(0, Math.max(0, raw.indexOf(':')));
    return (
      refuseCharacter('The URL', scheme, INVISIBLE, scheme.search(/[^ ]|$/)) ??
      refuse('The URL must be absolute and start with http:// or https://')
    );
  }
  if (Buffer.byteLength(authority) > MAX_AUTHORITY_BYTES) {
    return refuse(`The host of the URL is longer than ${MAX_AUTHORITY_BYTES} bytes`);
  }
  if (authority.includes('@')) return refuse('The URL must not hold a user name or a password');
  const url = parseUrl(raw);
  if (url === undefined) {
    return (
      refuseCharacter('The host of the URL', `${before}${authority}`, STRANGE_IN_AUTHORITY, before.length) ??
      refuse('The URL is not valid')
    );
  }
  if (url.username !== '' || url.password !== '') return refuse('The URL must not hold a user name or a password');
  const port = effectivePort(url);
  if (!WEB_PORTS.has(port) && !allow.ports.has(port)) {
    return refuse(`The port of the URL must be 80 or 443; ${LOCAL_ORIGINS}`);
  }

  const literal = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (isIP(literal) !== 0) {
    return isPermitted(literal, port, allow)
      ? { ok: true, url }
      : refuse(`The address of the URL is not public; ${LOCAL_ORIGINS}`);
  }
  const name = url.hostname.replace(/\.$/, '');
  if (!isPublicName(name)) return refuse(`The host name of the URL is not a public one; ${LOCAL_ORIGINS}`);
  url.hostname = name;
  return { ok: true, url };
}
