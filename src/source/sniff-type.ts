import { fileTypeFromTokenizer } from 'file-type';
import { fromBuffer, type ITokenizer } from 'strtok3';
import { canonicalType } from './canonical-type.js';
import { hasUtf16Mark, isText, mayBeText } from './is-text.js';
import { mayBeXml, sniffMarkup } from './sniff-markup.js';

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
