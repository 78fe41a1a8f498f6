import type { Walk } from '../walk.js';
import type { Found } from './found.js';

/** How the first packet of each stream begins (the codec mappings of Ogg). What is in neither list says nothing: Skeleton, subtitles. */
const PICTURES = ['\x80theora', '\x01video\0', 'BBCD\0', 'OVP80', 'YUV4MPEG'];
const SOUND = ['\x01vorbis', 'OpusHead', '\x7fFLAC', 'fLaC', 'Speex   ', 'CELT    ', 'PCM     ', '\x01audio'];

/** Flag of the first page of a stream (RFC 3533 section 6). */
const BEGINS_STREAM = 0x02;

/** Whether a head begins with a page of Ogg. */
export function isOgg(head: Buffer): boolean {
  return head.toString('latin1', 0, 4) === 'OggS';
}

/** Tells Ogg with pictures from Ogg with sound alone. The first pages of all streams stand before any other page (RFC 3533). */
export function* walkOgg(): Walk<Found> {
  let hasSound = false;
  for (let at = 0; ;) {
    // A page has a header of 27 bytes, up to 255 lengths and what these add up to.
    const page = yield { at, length: 27 + 255 + 8 };
    if (page.length < 27 || !isOgg(page) || (page.readUInt8(5) & BEGINS_STREAM) === 0) break;
    const lengths = page.subarray(27, 27 + page.readUInt8(26));
    const body = 27 + lengths.length;
    const packet = page.toString('latin1', body, body + 8);
    if (PICTURES.some((start) => packet.startsWith(start))) return { type: 'video/ogg' };
    hasSound ||= SOUND.some((start) => packet.startsWith(start));
    at += body + lengths.reduce((sum, length) => sum + length, 0);
  }
  return hasSound ? { type: 'audio/ogg' } : { type: 'application/ogg', isUnsure: true };
}
