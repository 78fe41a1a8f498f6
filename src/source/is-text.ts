/** C0 controls that no text holds: all but tab, line feed, form feed, carriage return and escape (WHATWG mimesniff, binary data bytes). */
const BINARY = /[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]/;
const IS_BINARY = Uint8Array.from({ length: 256 }, (_, byte) => (BINARY.test(String.fromCharCode(byte)) ? 1 : 0));

/** Whether bytes begin with the byte order mark of UTF-16, little or big endian. */
export function hasUtf16Mark(head: Uint8Array): boolean {
  return textEncodingOf(head) !== 'utf-8';
}

/** The encoding that a byte order mark tells (WHATWG Encoding, "BOM sniff"); without one, UTF-8 has ASCII in common with most. */
export function textEncodingOf(head: Uint8Array): 'utf-8' | 'utf-16le' | 'utf-16be' {
  const [first, second] = head;
  if (first === 0xff && second === 0xfe) return 'utf-16le';
  return first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8';
}

/**
 * Whether bytes may be text of any encoding that has ASCII in common with UTF-8: windows-1252, Shift_JIS. File formats have binary
 * bytes near their beginning, in lengths and versions.
 */
export function mayBeText(head: Uint8Array): boolean {
  // A loop, because a callback for each byte of a long text costs as much as the rest of the inspection.
  for (let at = 0; at < head.length; at += 1) if (IS_BINARY[head[at] ?? 0] === 1) return false;
  return head.length > 0;
}

/** Whether bytes read as UTF-8 text, or as UTF-16 with a byte order mark. The last character may be cut off. */
export function isText(head: Uint8Array): boolean {
  if (head.length === 0) return false;
  try {
    return !BINARY.test(new TextDecoder(textEncodingOf(head), { fatal: true }).decode(head, { stream: true }));
  } catch {
    return false;
  }
}
