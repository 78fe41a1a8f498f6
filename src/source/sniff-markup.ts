import { textEncodingOf } from './is-text.js';

export type Markup = 'text/html' | 'image/svg+xml' | 'application/xml';

/** The element names of the table in WHATWG mimesniff section 7.1 ("rules for identifying an unknown MIME type"). */
const HTML_START = /^<(?:!doctype html|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p)[\s>]/i;
/** XML may have elements of the same names, so after an XML declaration only these two make an HTML page. */
const XHTML_START = /^<(?:!doctype html|html)[\s>]/i;
const SVG_START = /^<(?:[a-z]+:)?svg[\s>/]/i;
const XML_START = /^<\?xml[\s?]/i;
/** What may stand before the first element of any of them. */
const PROLOGUE = /\s*(?:<!--[\s\S]*?-->|<\?[\s\S]*?\?>|<!doctype (?!html[\s>])[^[>]*(?:\[[^\]]*\]\s*)?>)/iy;

/** What an element of XML begins with (XML 1.0, NameStartChar). */
const ELEMENT_START = /^<[\p{L}_:]/u;

/**
 * Tells HTML, SVG and other XML, which have no magic number, by their first tag: after a byte order mark, white space, comments,
 * processing instructions and a document type.
 */
export function sniffMarkup(head: Uint8Array): Markup | undefined {
  const text = taggedText(head);
  if (text === undefined) return undefined;
  const root = rootOf(text);
  if (SVG_START.test(root)) return 'image/svg+xml';
  if (XML_START.test(text)) return XHTML_START.test(root) ? 'text/html' : 'application/xml';
  if (HTML_START.test(root)) return 'text/html';
  return /^<!--[\s>]/.test(text) ? 'text/html' : undefined;
}

/**
 * Whether bytes may be XML without a declaration, which any element may begin: also one that HTML has, but not that of a whole HTML
 * page. An honest header has to say so.
 */
export function mayBeXml(head: Uint8Array): boolean {
  const text = taggedText(head);
  if (text === undefined) return false;
  const root = rootOf(text);
  return ELEMENT_START.test(root) && !XHTML_START.test(root);
}

/** The text from its first tag on; undefined when it does not begin with one. */
function taggedText(head: Uint8Array): string | undefined {
  const encoding = textEncodingOf(head);
  // White space may be long, and is mostly none: a look at the beginning spares decoding what has no tag.
  const start = new TextDecoder(encoding).decode(head.subarray(0, 64)).trimStart();
  if (start !== '' && !start.startsWith('<')) return undefined;
  const text = new TextDecoder(encoding).decode(head).trimStart();
  return text.startsWith('<') ? text : undefined;
}

/** The text from its first element on. */
function rootOf(text: string): string {
  PROLOGUE.lastIndex = 0;
  let start = 0;
  while (PROLOGUE.test(text)) start = PROLOGUE.lastIndex;
  return text.slice(start).trimStart();
}
