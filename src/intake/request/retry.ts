import { z } from 'zod';
import { ApiError, createProblems, type Problems } from '../../domain/api-error.js';
import { REASONS } from '../../domain/errors.js';
import type { ItemHeaders } from '../../domain/item.js';
import type { ItemChange, Retry } from '../../domain/retry.js';
import { isObject } from './item.js';
import { HttpUrl, JsonObject, addUnknownKeys, checkUrlAt, text, type UrlCheck } from './rules.js';

/** As many as an import in one JSON body may have. */
const MOST_ENTRIES = 10_000;
/** An import has few; each makes the query longer. */
const MOST_CODES = 100;
/** RFC 1035 section 2.3.4. */
const MOST_HOST_CHARACTERS = 253;
const MOST_ID_CHARACTERS = 500;

function list<T extends z.ZodType>(element: T, most: number) {
  return z
    .array(element)
    .min(1, 'Must not be empty; leave it out, or give "all": true')
    .max(most, `Must have at most ${most} entries`)
    .optional();
}

const Code = z.string().refine((code) => Object.hasOwn(REASONS, code), 'Is not a code of the error reference');

/** What else is in it is named when the whole body is looked at. */
const ItemEntry = z.looseObject({
  seq: z.number().refine((seq) => Number.isSafeInteger(seq) && seq >= 0, 'Must be a whole number from 0 on'),
  url: HttpUrl.optional(),
  headers: JsonObject.optional(),
});

/** The keys of the body of a retry that say which items it is about. */
export const RETRY_SHAPE = {
  codes: list(Code, MOST_CODES),
  hosts: list(text(MOST_HOST_CHARACTERS), MOST_ENTRIES),
  externalIds: list(text(MOST_ID_CHARACTERS), MOST_ENTRIES),
  items: list(ItemEntry, MOST_ENTRIES),
  all: z.literal(true, { error: 'Must be true, or be left out' }).optional(),
};

type RetryBody = z.infer<z.ZodObject<typeof RETRY_SHAPE>>;

/**
 * Reads which items a retry is about, and what it changes about them.
 * @throws ApiError 400 when nothing selects items: an empty filter never means everything; when an entry breaks a rule
 */
export function retrySelection(
  body: RetryBody,
  itemCount: number,
  checkUrl: UrlCheck,
): Pick<Retry, 'selector' | 'changes'> {
  const { codes, hosts, externalIds, items, all } = body;
  if ((codes ?? hosts ?? externalIds ?? items ?? all) === undefined)
    throw new ApiError(400, { body: 'Name at least one of codes, hosts, externalIds, items, or "all": true' });
  const problems = createProblems();
  const seen = new Set<number>();
  const changes = (items ?? []).map((item, index): ItemChange => {
    const path = ['items', index];
    addUnknownKeys(item, ItemEntry.shape, path, problems);
    if (item.seq >= itemCount) problems.add([...path, 'seq'], `The import has ${itemCount} items, numbered from 0`);
    if (seen.has(item.seq)) problems.add([...path, 'seq'], 'Must not be named twice');
    seen.add(item.seq);
    const { seq, url } = item;
    const host = url === undefined ? null : checkUrlAt(url, [...path, 'url'], { checkUrl }, problems);
    const headers = readHeaders(item.headers, [...path, 'headers'], problems);
    return {
      seq,
      ...(url !== undefined && host !== null && { source: { url, host } }),
      ...(headers !== undefined && { headers }),
    };
  });
  problems.throwIfAny();
  const selector = {
    ...(codes && { codes }),
    ...(hosts && { hosts: hosts.map((host) => host.toLowerCase()) }),
    ...(externalIds && { externalIds }),
    ...(items && { seqs: [...seen] }),
  };
  return { selector, changes: changes.filter(({ source, headers }) => source !== undefined || headers !== undefined) };
}

/** Servers commonly refuse requests with more than 8 KiB of headers, and cookies of redirects take room as well. */
const MOST_HEADER_BYTES = 4 * 1024;
const MOST_HEADERS = 20;
/** RFC 9110 section 5.6.2: a token. */
const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** RFC 9110 section 5.5, without bytes outside of ASCII, which servers read differently. */
const FIELD_VALUE = /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/;

/**
 * What a request has of its own: of the connection (RFC 9110 section 7.6.1), its target and framing, what conditions and ranges are
 * made of (sections 13.1 and 14.2), and how the body is to be coded.
 */
const RESERVED: ReadonlySet<string> = new Set([
  ...[
    'connection',
    'keep-alive',
    'proxy-connection',
    'te',
    'trailer',
    'transfer-encoding',
    'upgrade',
    'http2-settings',
  ],
  ...[
    'proxy-authorization',
    'proxy-authenticate',
    'host',
    'content-length',
    'content-encoding',
    'expect',
    'max-forwards',
  ],
  ...['range', 'if-range', 'if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since'],
  ...['accept-encoding', 'cookie2', 'forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto'],
]);

function readHeaders(
  raw: Record<string, unknown> | undefined,
  path: readonly PropertyKey[],
  problems: Problems,
): ItemHeaders | undefined {
  if (raw === undefined || !isObject(raw)) return undefined;
  const entries = Object.entries(raw);
  if (entries.length > MOST_HEADERS) {
    problems.add(path, `Must have at most ${MOST_HEADERS} headers`);
    return undefined;
  }
  const headers = new Map<string, string>();
  let bytes = 0;
  for (const [name, value] of entries) {
    const problem = headerProblem(name, value, headers);
    if (problem !== null) problems.add([...path, name], problem);
    else headers.set(name.toLowerCase(), String(value));
    bytes += name.length + String(value).length;
  }
  if (bytes > MOST_HEADER_BYTES) problems.add(path, `Must be at most ${MOST_HEADER_BYTES} bytes together`);
  return Object.fromEntries(headers);
}

function headerProblem(name: string, value: unknown, before: ReadonlyMap<string, string>): string | null {
  if (!FIELD_NAME.test(name)) return 'Is not a valid name of a header';
  if (RESERVED.has(name.toLowerCase())) return 'Is set by the service, or concerns the connection; leave it out';
  if (before.has(name.toLowerCase())) return 'Must not be given twice; names do not depend on upper and lower case';
  if (typeof value !== 'string') return 'Invalid type: expected string';
  return FIELD_VALUE.test(value) ? null : 'Must be printable ASCII text without spaces at its ends';
}
