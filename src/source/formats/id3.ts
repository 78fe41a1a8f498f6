import type { Walk } from '../walk.js';
import type { Found } from './found.js';

/** Of a tag: `ID3`, two bytes of version, one of flags and four of size (ID3v2.4 section 3.1). */
const HEADER_BYTES = 10;
const HAS_FOOTER = 0x10;

/** As much as a magic number takes: file-type reads 4,100 bytes. */
const BEHIND_BYTES = 8 * 1024;

/** Whether a head begins with a tag of ID3: no byte of its size has its first bit set. */
export function isId3(head: Buffer): boolean {
  return (
    head.length >= HEADER_BYTES &&
    head.toString('latin1', 0, 3) === 'ID3' &&
    head.subarray(6, HEADER_BYTES).every((byte) => byte < 0x80)
  );
}

/** Goes behind the tags, whose cover pictures may take megabytes, to the sound. MP3 is what mostly follows. */
export function* walkId3(): Walk<Found> {
  let at = 0;
  for (;;) {
    const behind = yield { at, length: BEHIND_BYTES };
    if (!isId3(behind)) return { type: 'audio/mpeg', isUnsure: true, behind };
    const size = behind.subarray(6, HEADER_BYTES).reduce((sum, byte) => sum * 0x80 + byte, 0);
    const hasFooter = (behind.readUInt8(5) & HAS_FOOTER) !== 0;
    at += HEADER_BYTES + size + (hasFooter ? HEADER_BYTES : 0);
  }
}
