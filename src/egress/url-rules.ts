import { isIP } from 'node:net';
import type { AllowList } from './allow-list.js';
import { effectivePort } from './effective-port.js';
import { isPermitted, WEB_PORTS } from './is-permitted.js';
import { parseUrl } from './parse-url.js';

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

// Separators of all kinds, control characters, lone surrogates and the backslash, which parsers of URLs disagree about.
const UNSAFE_CHARACTERS = /[\p{Cc}\p{Z}\p{Cs}\ufeff\\]/u;

/** RFC 1035 section 2.3.4. */
const MAX_NAME_LENGTH = 253;
const MAX_LABEL_LENGTH = 63;

function refuse(why: string): UrlVerdict {
  return { ok: false, why };
}

function isPublicName(name: string): boolean {
  const labels = name.split('.');
  if (labels.length < 2 || name.length > MAX_NAME_LENGTH) return false;
  if (labels.some((label) => label === '' || label.length > MAX_LABEL_LENGTH)) return false;
  return !LOCAL_SUFFIXES.has(labels.at(-1) ?? '');
}

/**
 * Refuses what can be refused without asking the network: CONTRACT "An item URL that can be refused …". Asked when a URL is
 * posted, before every attempt and for every redirect. The URL that is answered is normalised (one trailing dot of the name
 * gone) and is the one to use. What a name resolves to is checked later, when the connection is made; on a port that only the
 * allow list names, a name passes here and has to resolve into the list.
 */
export function checkUrl(raw: unknown, allow: AllowList): UrlVerdict {
  if (typeof raw !== 'string') return refuse('The URL must be a string');
  if (raw.length > MAX_URL_BYTES || Buffer.byteLength(raw) > MAX_URL_BYTES) {
    return refuse(`The URL is longer than ${MAX_URL_BYTES} bytes`);
  }
  if (UNSAFE_CHARACTERS.test(raw)) return refuse('The URL holds a space, a control character or a backslash');
  // The parser would also take "http:host", "http:///host" and "http:/host", which other parsers read differently.
  const [, authority] = /^https?:\/\/([^/?#]+)/i.exec(raw) ?? [];
  if (authority === undefined) return refuse('The URL must be absolute and start with http:// or https://');
  if (authority.includes('@')) return refuse('The URL must not hold a user name or a password');
  const url = parseUrl(raw);
  if (url === undefined) return refuse('The URL is not valid');
  if (url.username !== '' || url.password !== '') return refuse('The URL must not hold a user name or a password');
  const port = effectivePort(url);
  if (!WEB_PORTS.has(port) && !allow.ports.has(port)) return refuse('The port of the URL must be 80 or 443');

  const literal = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (isIP(literal) !== 0) {
    return isPermitted(literal, port, allow) ? { ok: true, url } : refuse('The address of the URL is not public');
  }
  const name = url.hostname.replace(/\.$/, '');
  if (!isPublicName(name)) return refuse('The host name of the URL is not a public one');
  url.hostname = name;
  return { ok: true, url };
}
