import { MAX_ASK_BYTES, shownAs, type Walk, type Dimensions, type Found } from './walk.js';

/** Tags of TIFF 6.0 and Exif. */
const WIDTH = 256;
const HEIGHT = 257;
const ORIENTATION = 274;
/** Points to the directory of the position. */
const GPS_DIRECTORY = 34_853;
const DNG_VERSION = 50_706;
/** PrintIM, which raw photos of Sony have. */
const PRINT_IM = 50_341;

/** Sizes of the types of one number that those tags have: SHORT, LONG and, in BigTIFF, LONG8. */
const BYTES_OF_TYPE: Readonly<Record<number, number>> = { 3: 2, 4: 4, 16: 8 };

/** How a TIFF is laid out; the metadata of Exif are one, too. */
export interface TiffLayout {
  readonly isLittleEndian: boolean;
  /** BigTIFF has numbers of 8 bytes where TIFF has 4 or 2. */
  readonly isBig: boolean;
  /** Where its first directory stands. */
  readonly directoryAt: number;
}

/** What a directory says of its image. */
interface TiffDirectory {
  readonly width?: number;
  readonly height?: number;
  /** Exif orientation 1 to 8; 5 to 8 are on their side. */
  readonly orientation?: number;
  /** Where the directory of the position stands. */
  readonly gpsAt?: number;
  readonly rawType?: string;
}

/** The layout by the first 16 bytes; undefined for what is no TIFF. */
export function tiffLayout(header: Buffer): TiffLayout | undefined {
  const order = header.toString('latin1', 0, 2);
  if ((order !== 'II' && order !== 'MM') || header.length < 8) return undefined;
  const isLittleEndian = order === 'II';
  const version = numberAt(header, 2, 2, isLittleEndian);
  if (version === 42) return { isLittleEndian, isBig: false, directoryAt: numberAt(header, 4, 4, isLittleEndian) };
  if (version !== 43 || header.length < 16) return undefined;
  return { isLittleEndian, isBig: true, directoryAt: numberAt(header, 8, 8, isLittleEndian) };
}

/** How many bytes the count of entries and each entry have. */
function directoryLayout({ isBig }: TiffLayout): { readonly countBytes: number; readonly entryBytes: number } {
  return isBig ? { countBytes: 8, entryBytes: 20 } : { countBytes: 2, entryBytes: 12 };
}

/** Reads a directory, which may be cut off. */
function readDirectory(bytes: Buffer, layout: TiffLayout): TiffDirectory {
  const { isLittleEndian, isBig } = layout;
  const { countBytes, entryBytes } = directoryLayout(layout);
  const values = new Map<number, number>();
  const count = bytes.length < countBytes ? 0 : numberAt(bytes, 0, countBytes, isLittleEndian);
  for (let entry = 0; entry < count; entry += 1) {
    const at = countBytes + entry * entryBytes;
    if (at + entryBytes > bytes.length) break;
    const tag = numberAt(bytes, at, 2, isLittleEndian);
    const size = BYTES_OF_TYPE[numberAt(bytes, at + 2, 2, isLittleEndian)];
    const isOne = numberAt(bytes, at + 4, isBig ? 8 : 4, isLittleEndian) === 1;
    const value = size !== undefined && isOne ? numberAt(bytes, at + (isBig ? 12 : 8), size, isLittleEndian) : 0;
    if (!values.has(tag)) values.set(tag, value);
  }
  const [width, height, orientation, gpsAt] = [WIDTH, HEIGHT, ORIENTATION, GPS_DIRECTORY].map((tag) => values.get(tag));
  const rawType = values.has(DNG_VERSION) ? 'image/x-adobe-dng' : values.has(PRINT_IM) ? 'image/x-sony-arw' : undefined;
  return {
    ...(width !== undefined && { width }),
    ...(height !== undefined && { height }),
    ...(orientation !== undefined && { orientation }),
    ...(gpsAt !== undefined && { gpsAt }),
    ...(rawType !== undefined && { rawType }),
  };
}

/** What the metadata of a photo say of it. */
interface Exif {
  /** It is to be shown on its side. */
  readonly isTurned: boolean;
  readonly hasPosition: boolean;
}

/** @param exif from the byte order mark on */
function readExif(exif: Buffer): Exif {
  const layout = tiffLayout(exif);
  if (layout === undefined) return { isTurned: false, hasPosition: false };
  const { orientation = 1, gpsAt } = readDirectory(exif.subarray(layout.directoryAt), layout);
  const isTurned = orientation >= 5 && orientation <= 8;
  return { isTurned, hasPosition: gpsAt !== undefined && holdsPosition(exif, layout, gpsAt) };
}

/** Tags of the directory of the position: degrees, minutes and seconds as three fractions each. */
const LATITUDE = 2;
const LONGITUDE = 4;
const RATIONAL = 5;
const BYTES_OF_POSITION = 24;

/** Whether a directory has both coordinates. Cameras without reception leave them out, or write fractions of zero. */
function holdsPosition(exif: Buffer, { isLittleEndian }: TiffLayout, at: number): boolean {
  const number = (place: number, size: number): number => numberAt(exif, place, size, isLittleEndian);
  const found = new Set<number>();
  const count = at + 2 <= exif.length ? number(at, 2) : 0;
  for (let entry = at + 2; entry < at + 2 + count * 12 && entry + 12 <= exif.length; entry += 12) {
    const isFractions = number(entry + 2, 2) === RATIONAL && number(entry + 4, 4) === 3;
    const values = number(entry + 8, 4);
    if (!isFractions || values + BYTES_OF_POSITION > exif.length) continue;
    // Of the degrees: below the stroke.
    if (number(values + 4, 4) > 0) found.add(number(entry, 2));
  }
  return found.has(LATITUDE) && found.has(LONGITUDE);
}

function numberAt(bytes: Buffer, at: number, size: number, isLittleEndian: boolean): number {
  if (size === 8) return Number(isLittleEndian ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at));
  return isLittleEndian ? bytes.readUIntLE(at, size) : bytes.readUIntBE(at, size);
}

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
  let exif: Exif = { isTurned: false, hasPosition: false };
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
      exif = readExif((yield { at, length: 2 + length }).subarray(10));
    }
    at += 2 + length;
  }
  return found('image/jpeg', frame, exif);
}

function found(type: string, frame: Dimensions | undefined, { isTurned, hasPosition }: Exif): Found {
  return {
    type,
    ...(frame && { dimensions: shownAs(frame, isTurned) }),
    ...(hasPosition && { hasPosition }),
  };
}

/** The size of a PNG as shown: its metadata count where they stand before the image data, as in browsers. */
export function* walkPng(): Walk<Found> {
  let frame: Dimensions | undefined;
  let exif: Exif = { isTurned: false, hasPosition: false };
  for (let at = 8; ;) {
    const chunk = yield { at, length: 16 };
    const type = chunk.toString('latin1', 4, 8);
    if (chunk.length < 16 || type === 'IDAT') break;
    const length = chunk.readUInt32BE(0);
    if (type === 'IHDR') frame = { width: chunk.readUInt32BE(8), height: chunk.readUInt32BE(12) };
    if (type === 'eXIf' && length <= MAX_ASK_BYTES) exif = readExif(yield { at: at + 8, length });
    at += 12 + length;
  }
  return found('image/png', frame, exif);
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
