import { type Dimensions, shownAs } from './found.js';

interface Box {
  readonly type: string;
  readonly bytes: Buffer;
}

/**
 * The size at which the primary image of an HEIF or AVIF file is shown: its `ispe`, cut by `clap` and turned by `irot`, in the order
 * in which the file lists them (ISO/IEC 23008-12 section 6.5). An orientation in Exif does not count there.
 * @param meta the payload of the `meta` box
 */
export function heifDimensions(meta: Buffer): Dimensions | undefined {
  const boxes = [...boxesIn(meta.subarray(4))];
  const pitm = boxes.find(({ type }) => type === 'pitm')?.bytes;
  const iprp = boxes.find(({ type }) => type === 'iprp')?.bytes;
  if (pitm === undefined || iprp === undefined) return undefined;
  const primary = pitm[8] === 0 ? pitm.readUInt16BE(12) : pitm.readUInt32BE(12);

  const parts = [...boxesIn(iprp.subarray(8))];
  const properties = [...boxesIn(parts.find(({ type }) => type === 'ipco')?.bytes.subarray(8) ?? Buffer.alloc(0))];
  const associated = parts.filter(({ type }) => type === 'ipma').flatMap(({ bytes }) => propertiesOf(primary, bytes));

  let size: Dimensions | undefined;
  for (const { type, bytes } of associated.flatMap((index) => properties[index - 1] ?? [])) {
    if (type === 'ispe') size = { width: bytes.readUInt32BE(12), height: bytes.readUInt32BE(16) };
    else if (size && type === 'clap') size = cut(size, bytes);
    else if (size && type === 'irot') size = shownAs(size, bytes.readUInt8(8) % 2 === 1);
  }
  return size;
}

function* boxesIn(bytes: Buffer): Generator<Box> {
  for (let at = 0; at + 8 <= bytes.length;) {
    const size = bytes.readUInt32BE(at);
    if (size < 8) return;
    yield { type: bytes.toString('latin1', at + 4, at + 8), bytes: bytes.subarray(at, at + size) };
    at += size;
  }
}

/** The numbers, from 1, of the properties of an item (section 9.3, ItemPropertyAssociationBox). */
function propertiesOf(item: number, ipma: Buffer): number[] {
  const isWideId = ipma.readUInt8(8) > 0;
  const isWideIndex = (ipma.readUInt8(11) & 1) === 1;
  const entries = ipma.readUInt32BE(12);
  let at = 16;
  for (let entry = 0; entry < entries; entry += 1) {
    const id = isWideId ? ipma.readUInt32BE(at) : ipma.readUInt16BE(at);
    at += isWideId ? 4 : 2;
    const count = ipma.readUInt8(at);
    at += 1;
    const width = isWideIndex ? 2 : 1;
    if (id === item) {
      return Array.from({ length: count }, (_, index) =>
        // The first bit says whether a reader may pass the property over.
        isWideIndex ? ipma.readUInt16BE(at + 2 * index) & 0x7fff : ipma.readUInt8(at + index) & 0x7f,
      );
    }
    at += count * width;
  }
  return [];
}

/** CleanApertureBox: width and height as fractions. One that would enlarge the image is not meant as a cut. */
function cut(size: Dimensions, clap: Buffer): Dimensions {
  const width = Math.round(clap.readUInt32BE(8) / clap.readUInt32BE(12));
  const height = Math.round(clap.readUInt32BE(16) / clap.readUInt32BE(20));
  return width > 0 && height > 0 && width <= size.width && height <= size.height ? { width, height } : size;
}
