import { fileTypeFromTokenizer } from 'file-type';
import { fromBuffer, type ITokenizer } from 'strtok3';
import { canonicalType } from './canonical-type.js';

/** C0 controls that no text holds: all but tab, line feed, form feed, carriage return and escape (WHATWG mimesniff, binary data bytes). */
const BINARY = /[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]/;
const IS_BINARY = Uint8Array.from({ length: 256 }, (_, byte) => (BINARY.test(String.fromCharCode(byte)) ? 1 : 0));

/** Whether bytes begin with the byte order mark of UTF-16, little or big endian. */
function hasUtf16Mark(head: Uint8Array): boolean {
  return textEncodingOf(head) !== 'utf-8';
}

/** The encoding that a byte order mark tells (WHATWG Encoding, "BOM sniff"); without one, UTF-8 has ASCII in common with most. */
function textEncodingOf(head: Uint8Array): 'utf-8' | 'utf-16le' | 'utf-16be' {
  const [first, second] = head;
  if (first === 0xff && second === 0xfe) return 'utf-16le';
  return first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8';
}

/**
 * Whether bytes may be text of any encoding that has ASCII in common with UTF-8: windows-1252, Shift_JIS. File formats have binary
 * bytes near their beginning, in lengths and versions.
 */
function mayBeText(head: Uint8Array): boolean {
  // A loop, because a callback for each byte of a long text costs as much as the rest of the inspection.
  for (let at = 0; at < head.length; at += 1) if (IS_BINARY[head[at] ?? 0] === 1) return false;
  return head.length > 0;
}

/** Whether bytes read as UTF-8 text, or as UTF-16 with a byte order mark. The last character may be cut off. */
function isText(head: Uint8Array): boolean {
  if (head.length === 0) return false;
  try {
    return !BINARY.test(new TextDecoder(textEncodingOf(head), { fatal: true }).decode(head, { stream: true }));
  } catch {
    return false;
  }
}

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
function mayBeXml(head: Uint8Array): boolean {
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

/** What the bytes of a body say. */
export interface Sniffed {
  /** Canonical type by magic number or first tag, undefined when nothing known was found. */
  readonly type: string | undefined;
  /** Whether the bytes read as text. */
  readonly text: boolean;
  /** Whether an honest header may say that it is XML, whatever the first tag looks like. */
  readonly xml?: boolean;
  /** Whether the type is a guess between two, which an honest header decides: sound or pictures, one text or another. */
  readonly isUnsure?: boolean;
}

/**
 * Parsers for untrusted bytes have looped before (CVE-2026-31808, GHSA-mhxj-85r3-2x55). Mutated heads took 49 ms at worst, so two
 * seconds of reading are a loop and not work.
 */
const DEADLINE_MS = 2_000;

/** Most formats have a binary byte among these, which spares decoding the rest. */
const GLANCE_BYTES = 64;

/**
 * Formats that are text. Any other magic number of printable characters is a word that a text may begin with: MZ, ID3, BM, FORM.
 * These are looked at more closely than by their first word, and still lose against a header that names another text.
 */
const TEXT_FORMATS: readonly (readonly [RegExp, string])[] = [
  [/^%PDF-\d\.\d\s/, 'application/pdf'],
  [/^\{\\rtf\d/, 'application/rtf'],
  [/^%!PS-Adobe-\d\.\d EPSF-\d/, 'application/eps'],
  [/^%!PS(?:-Adobe-\d\.\d)?\s/, 'application/postscript'],
  [/^BEGIN:VCARD\r?\n/i, 'text/vcard'],
  [/^BEGIN:VCALENDAR\r?\n/i, 'text/calendar'],
  [/^WEBVTT(?:[ \t].*)?(?:\r|\n|$)/, 'text/vtt'],
  [/^-----BEGIN PGP MESSAGE-----\r?\n/, 'application/pgp-encrypted'],
  [/^REGEDIT4\r\n/, 'application/x-ms-regedit'],
  [/^solid\b.*\r?\n\s*facet normal /, 'model/stl'],
  [/^!<arch>\n/, 'application/x-unix-archive'],
];
/** None of them needs more. */
const TEXT_FORMAT_CHARACTERS = 512;

/** Tells the type of a body by its head (the first 64 KiB or all of it). Never throws: what cannot be parsed is unknown. */
export async function sniffType(head: Uint8Array): Promise<Sniffed> {
  // file-type takes the byte order mark of UTF-16 for the start of an MPEG audio frame.
  const hasMark = hasUtf16Mark(head);
  const text = (hasMark || mayBeText(head.subarray(0, GLANCE_BYTES))) && isText(head);
  if (text || (!hasMark && mayBeText(head))) {
    const markup = sniffMarkup(head);
    const format = markup === undefined ? textFormat(head) : undefined;
    return { type: markup ?? format, text, xml: mayBeXml(head), isUnsure: format !== undefined };
  }
  const magic = await magicType(head);
  // file-type says no more than "xml" of SVG, feeds and XHTML.
  const markup = magic === undefined || magic === 'application/xml' ? sniffMarkup(head) : undefined;
  return { type: markup ?? magic, text: false };
}

function textFormat(head: Uint8Array): string | undefined {
  const start = new TextDecoder('latin1').decode(head.subarray(0, TEXT_FORMAT_CHARACTERS)).replace(/^\xef\xbb\xbf/, '');
  return TEXT_FORMATS.find(([pattern]) => pattern.test(start))?.[1];
}

async function magicType(head: Uint8Array): Promise<string | undefined> {
  try {
    const found = await fileTypeFromTokenizer(withDeadline(fromBuffer(head), performance.now() + DEADLINE_MS));
    return found && canonicalType(found.mime);
  } catch {
    return undefined;
  }
}

/** A timer could not end a loop that never leaves the microtask queue; a check at every read does. */
function withDeadline(tokenizer: ITokenizer, deadline: number): ITokenizer {
  return new Proxy(tokenizer, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== 'function') return value;
      if (performance.now() > deadline) throw new Error('Type detection took longer than its limit');
      return (value as () => unknown).bind(target);
    },
  });
}
