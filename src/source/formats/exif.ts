/** Tags of TIFF 6.0 and Exif. */
const WIDTH = 256;
const HEIGHT = 257;
const ORIENTATION = 274;
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
export interface TiffDirectory {
  readonly width?: number;
  readonly height?: number;
  /** Exif orientation 1 to 8; 5 to 8 are on their side. */
  readonly orientation?: number;
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
export function directoryLayout({ isBig }: TiffLayout): { readonly countBytes: number; readonly entryBytes: number } {
  return isBig ? { countBytes: 8, entryBytes: 20 } : { countBytes: 2, entryBytes: 12 };
}

/** Reads a directory, which may be cut off. */
export function readDirectory(bytes: Buffer, layout: TiffLayout): TiffDirectory {
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
  const [width, height, orientation] = [WIDTH, HEIGHT, ORIENTATION].map((tag) => values.get(tag));
  const rawType = values.has(DNG_VERSION) ? 'image/x-adobe-dng' : values.has(PRINT_IM) ? 'image/x-sony-arw' : undefined;
  return {
    ...(width !== undefined && { width }),
    ...(height !== undefined && { height }),
    ...(orientation !== undefined && { orientation }),
    ...(rawType !== undefined && { rawType }),
  };
}

/**
 * Whether the metadata of a photo say that it is to be shown on its side.
 * @param exif from the byte order mark on
 */
export function isOnItsSide(exif: Buffer): boolean {
  const layout = tiffLayout(exif);
  if (layout === undefined) return false;
  const { orientation = 1 } = readDirectory(exif.subarray(layout.directoryAt), layout);
  return orientation >= 5 && orientation <= 8;
}

function numberAt(bytes: Buffer, at: number, size: number, isLittleEndian: boolean): number {
  if (size === 8) return Number(isLittleEndian ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at));
  return isLittleEndian ? bytes.readUIntLE(at, size) : bytes.readUIntBE(at, size);
}
