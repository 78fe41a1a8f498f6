import type { Walk } from '../walk.js';
import type { Found } from './found.js';

/** GUIDs of the ASF specification as they lie in the file. */
const HEADER = '3026b2758e66cf11a6d900aa0062ce6c';
const STREAM_PROPERTIES = '9107dcb7b7a9cf118ee600c00c205365';
const VIDEO = 'c0ef19bc4d5bcf11a8fd00805f5c442b';
const AUDIO = '409e69f84d5bcf11a8fd00805f5c442b';

/** Whether a head begins with the header object of Windows Media. */
export function isWindowsMedia(head: Buffer): boolean {
  return head.toString('hex', 0, 16) === HEADER;
}

/** Tells Windows Media Video from Audio by all of its streams: the sound is often listed first. */
export function* walkWindowsMedia(): Walk<Found> {
  const header = yield { at: 0, length: 30 };
  const end = Number(header.readBigUInt64LE(16));
  let hasSound = false;
  for (let at = 30; at + 24 <= end;) {
    const object = yield { at, length: 40 };
    const size = Number(object.readBigUInt64LE(16));
    if (object.toString('hex', 0, 16) === STREAM_PROPERTIES) {
      const kind = object.toString('hex', 24, 40);
      if (kind === VIDEO) return { type: 'video/x-ms-wmv' };
      hasSound ||= kind === AUDIO;
    }
    if (size < 24) break;
    at += size;
  }
  return hasSound ? { type: 'audio/x-ms-wma' } : { type: 'video/x-ms-wmv', isUnsure: true };
}
