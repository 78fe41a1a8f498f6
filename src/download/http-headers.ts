import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { MIMEType } from 'node:util';
import type { PartIdentity } from '../blobs/blob-store.js';
import { ImportError } from '../domain/errors.js';
import type { EgressResponse } from '../egress/egress.js';
import type { Validators } from './source.js';

/** A header as one text. Lines of the same name are joined as a list (RFC 9110 section 5.3), whatever the types promise. */
export function headerText(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** Longest content type that is kept with a failed attempt. */
const MAX_SHOWN = 100;

/** One of a list. Commas within a quoted string, such as a file name, part nothing; one that is not closed ends with the header. */
const VALUE = /(?:"(?:\\[^]|[^"\\])*(?:"|\\?$)|[^,"])+/g;

/**
 * The type and subtype of a Content-Type header in lower case, without parameters; undefined when there is none or it breaks the
 * grammar of RFC 9110 section 8.3.1. Of several, in one line or in more, the last one that is valid and says something counts, as
 * in browsers (https://fetch.spec.whatwg.org/#concept-header-extract-mime-type).
 */
export function parseContentType(header: string | undefined): string | undefined {
  const types = (header?.match(VALUE) ?? []).flatMap((value) => {
    try {
      return [new MIMEType(value).essence];
    } catch {
      return [];
    }
  });
  return types.findLast((type) => type !== '*/*') ?? types.at(-1);
}

/** The header as operators may see it: no parameters (they can hold file names), printable ASCII, at most 100 characters. */
export function shownContentType(header: string | undefined): string | undefined {
  const type =
    parseContentType(header) ??
    header
      ?.split(';')[0]
      ?.replace(/[^\x20-\x7e]/g, '')
      .trim();
  return type === undefined || type === '' ? undefined : type.slice(0, MAX_SHOWN);
}

/** How the end of a body is known (RFC 9112 section 6.3). */
export interface BodyFraming {
  /** Announced bytes on the wire, null when there is no Content-Length. */
  readonly announced: number | null;
  /** False when the body ends with the connection, so that a cut cannot be told from the end. */
  readonly verifiable: boolean;
}

/** @throws ImportError unsupported_encoding when a transfer coding other than chunked lies over the body */
export function bodyFraming(headers: IncomingHttpHeaders): BodyFraming {
  const named = headerText(headers, 'transfer-encoding')?.trim().toLowerCase();
  // RFC 2616 had a coding of this name for none at all; old servers send it to this day.
  const coding = named === 'identity' ? undefined : named;
  if (coding !== undefined && coding !== 'chunked') {
    throw new ImportError('unsupported_encoding', 'The body has a transfer coding other than chunked', {
      stage: 'headers',
    });
  }
  const length = headerText(headers, 'content-length')?.trim();
  const announced = coding === undefined && length !== undefined && /^\d+$/.test(length) ? Number(length) : null;
  return { announced, verifiable: coding === 'chunked' || announced !== null };
}

/** They are stored with every media and sent back as they came; real ones have well under 100 bytes. */
const MAX_BYTES = 1024;

/** An entity tag, strong or weak (RFC 9110 section 8.8.3), not a list of them, and not `*`, which would match anything. */
const ENTITY_TAG = /^(?:W\/)?"[\x20\x21\x23-\x7e]*"$/;
const STRONG = /^"[\x21\x23-\x7e]+"$/;
const PRINTABLE = /^[\x20-\x7e]+$/;

/** The validators of an answer that can be sent back to its source. */
export function validatorsOf(headers: IncomingHttpHeaders): Validators {
  const etag = headerText(headers, 'etag');
  const lastModified = headerText(headers, 'last-modified');
  return {
    ...(isUsable(etag, ENTITY_TAG) ? { etag } : {}),
    ...(isUsable(lastModified, PRINTABLE) ? { lastModified } : {}),
  };
}

/** The ETag when it is strong: the only validator under which bytes of two answers may be joined (RFC 9110 section 13.1.5). */
export function strongEtag({ etag }: Validators): string | undefined {
  return etag !== undefined && STRONG.test(etag) ? etag : undefined;
}

/** Tells ETags apart without showing them. */
export function etagFingerprint(etag: string): string {
  return createHash('sha256').update(etag).digest('hex').slice(0, 16);
}

function isUsable(value: string | undefined, grammar: RegExp): value is string {
  return value !== undefined && value.length <= MAX_BYTES && grammar.test(value);
}

/** The size from which a body gets an activity of its own: a smaller one is fetched again sooner than its part is read back. */
const MIN_KEPT_BYTES = 8 * 1024 * 1024;

/**
 * What a whole body is to be kept as while it arrives; undefined when its bytes could not be joined with those of a later answer,
 * or when that is not worth it.
 * @param key names the part; without one nothing is kept
 * @param earlier the part of the attempt before this one
 */
export function partIdentityOf(
  { status, headers }: Pick<EgressResponse, 'status' | 'headers'>,
  key: string | undefined,
  earlier: PartIdentity | null,
): PartIdentity | undefined {
  const etag = strongEtag(validatorsOf(headers));
  const { announced } = bodyFraming(headers);
  if (key === undefined || etag === undefined || status !== 200) return undefined;
  if (announced === null || announced < MIN_KEPT_BYTES || headers['content-encoding'] !== undefined) return undefined;
  if (headerText(headers, 'accept-ranges')?.trim().toLowerCase() === 'none') return undefined;
  const changed = earlier !== null && earlier.etag !== etag;
  const contentType = parseContentType(headerText(headers, 'content-type'));
  return {
    key,
    etag,
    total: announced,
    restarts: (earlier?.restarts ?? 0) + (changed ? 1 : 0),
    ...(contentType === undefined ? {} : { contentType }),
  };
}

/** A source may postpone an attempt by at most a quarter of an hour: beyond it, it would hold the whole batch open. */
const CAP_MS = 15 * 60_000;

/** The three forms of RFC 9110 section 5.6.7 all begin with the name of a day; `Date.parse` alone would take far more. */
const HTTP_DATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? /;

/**
 * Reads a Retry-After header (RFC 9110 section 10.2.3): seconds or an HTTP date.
 * @param nowMs the present, in milliseconds since 1970
 * @returns milliseconds from now, at most 15 minutes; 0 for a date in the past; undefined when there is none to understand
 */
export function retryAfterMs(value: string | undefined, nowMs = Date.now()): number | undefined {
  const text = value?.trim() ?? '';
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, CAP_MS);
  if (!HTTP_DATE.test(text)) return undefined;
  // The asctime form names no zone and means UTC.
  const at = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`);
  return Number.isNaN(at) ? undefined : Math.min(Math.max(at - nowMs, 0), CAP_MS);
}
