import { MAX_ASK_BYTES, type Walk } from '../walk.js';
import { directoryLayout, isOnItsSide, readDirectory, tiffLayout } from './exif.js';
import { type Dimensions, type Found, shownAs } from './found.js';

/** Marks of JPEG that stand alone: TEM and the restarts. */
const isBareMarker = (marker: number): boolean => marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7);
/** The start of a frame, with its size: all SOF markers, without DHT, JPG and DAC between them. */
const isFrame = (marker: number): boolean => marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
const START_OF_SCAN = 0xda;
const END_OF_IMAGE = 0xd9;
const APP1 = 0xe1;

/** More entries than any writer of TIFF makes. */
const MAX_DIRECTORY_ENTRIES = 4_096;

/**
 * The size of a JPEG as shown. Previews, colour profiles and depth maps may put megabytes in front of it, and an orientation counts
 * where it stands before the image data (CSS Images 3, image-orientation).
 */
export function* walkJpeg(): Walk<Found> {
  let frame: Dimensions | undefined;
  let isTurned = false;
  for (let at = 2; ;) {
    const segment = yield { at, length: 10 };
    const marker = segment[1];
    if (segment.length < 10 || marker === undefined || marker === START_OF_SCAN || marker === END_OF_IMAGE) break;
    // Fill bytes may stand before a marker; decoders pass over other bytes, too.
    if (segment[0] !== 0xff || marker === 0xff || isBareMarker(marker)) {
      at += segment[0] === 0xff && marker !== 0xff ? 2 : 1;
      continue;
    }
    const length = segment.readUInt16BE(2);
    if (length < 2) break;
    if (isFrame(marker)) frame ??= { width: segment.readUInt16BE(7), height: segment.readUInt16BE(5) };
    if (marker === APP1 && segment.toString('latin1', 4, 10) === 'Exif\0\0') {
      isTurned = isOnItsSide((yield { at, length: 2 + length }).subarray(10));
    }
    at += 2 + length;
  }
  return { type: 'image/jpeg', ...(frame && { dimensions: shownAs(frame, isTurned) }) };
}

/** The size of a PNG as shown: its metadata count where they stand before the image data, as in browsers. */
export function* walkPng(): Walk<Found> {
  let frame: Dimensions | undefined;
  let isTurned = false;
  for (let at = 8; ;) {
    const chunk = yield { at, length: 16 };
    const type = chunk.toString('latin1', 4, 8);
    if (chunk.length < 16 || type === 'IDAT') break;
    const length = chunk.readUInt32BE(0);
    if (type === 'IHDR') frame = { width: chunk.readUInt32BE(8), height: chunk.readUInt32BE(12) };
    if (type === 'eXIf' && length <= MAX_ASK_BYTES) isTurned = isOnItsSide(yield { at: at + 8, length });
    at += 12 + length;
  }
  return { type: 'image/png', ...(frame && { dimensions: shownAs(frame, isTurned) }) };
}

/** The first image of a TIFF, whose directory may stand anywhere: libtiff writes it behind the pixels. */
export function* walkTiff(): Walk<Found> {
  const layout = tiffLayout(yield { at: 0, length: 16 });
  if (layout === undefined) return {};
  const { countBytes, entryBytes } = directoryLayout(layout);
  const length = countBytes + MAX_DIRECTORY_ENTRIES * entryBytes;
  const bytes = yield { at: layout.directoryAt, length };
  // Without a directory there is no image.
  if (bytes.length < countBytes + entryBytes) return {};
  const { width, height, orientation = 1, rawType } = readDirectory(bytes, layout);
  const isTurned = orientation >= 5 && orientation <= 8;
  return {
    type: rawType ?? 'image/tiff',
    ...(width !== undefined && height !== undefined && { dimensions: shownAs({ width, height }, isTurned) }),
  };
}
