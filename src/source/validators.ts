import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Validators } from '../contract/source.js';
import { headerText } from './header-text.js';

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
