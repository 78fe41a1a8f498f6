import { fileTypeFromTokenizer } from 'file-type';
import { fromBuffer, type ITokenizer } from 'strtok3';
import { canonicalType } from './canonical-type.js';
import { hasUtf16Mark, isText } from './is-text.js';
import { sniffMarkup } from './sniff-markup.js';

/** What the first bytes of a body say. */
export interface Sniffed {
  /** Canonical type by magic number or first tag, undefined when nothing known was found. */
  readonly type: string | undefined;
  /** Whether bytes without a magic number read as text. */
  readonly text: boolean;
}

/**
 * Parsers for untrusted bytes have looped before (CVE-2026-31808, GHSA-mhxj-85r3-2x55). Mutated heads took 49 ms at worst, so two
 * seconds of reading are a loop and not work.
 */
const DEADLINE_MS = 2_000;

/** Tells the type of a body by its head (the first 64 KiB or all of it). Never throws: what cannot be parsed is unknown. */
export async function sniffType(head: Uint8Array): Promise<Sniffed> {
  // To file-type the byte order mark of UTF-16 is the start of an MPEG audio frame.
  const magic = hasUtf16Mark(head) && isText(head) ? undefined : await magicType(head);
  // file-type says no more than "xml" of SVG, feeds and XHTML.
  const markup = magic === undefined || magic === 'application/xml' ? sniffMarkup(head) : undefined;
  return { type: markup ?? magic, text: magic === undefined && isText(head) };
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
