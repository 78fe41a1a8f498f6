import { deflateRawSync } from 'node:zlib';

/** Media of a given shape, of which real ones are too large to keep. They have what a reader of types looks at and no more. */

/** A box of the ISO base media format. */
export function box(type: string, ...payload: (Buffer | string)[]): Buffer {
  const body = Buffer.concat(payload.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)));
  return Buffer.concat([uint32(8 + body.length), Buffer.from(type, 'latin1'), body]);
}

/** Puts bytes behind the first box of a file. */
export function behindFirstBox(file: Buffer, inserted: Buffer): Buffer {
  const end = file.readUInt32BE(0);
  return Buffer.concat([file.subarray(0, end), inserted, file.subarray(end)]);
}

/** The same file under other brands. */
export function withBrands(file: Buffer, major: string, ...compatible: string[]): Buffer {
  const rest = file.subarray(file.readUInt32BE(0));
  return Buffer.concat([box('ftyp', major, uint32(0), ...compatible), rest]);
}

/** An empty ID3 tag of so many bytes. */
export function id3Tag(bytes: number): Buffer {
  const size = [21, 14, 7, 0].map((shift) => ((bytes - 10) >> shift) & 0x7f);
  return Buffer.concat([Buffer.from('ID3\x04\0\0', 'latin1'), Buffer.from(size), Buffer.alloc(bytes - 10)]);
}

/** Puts an application segment of 60,000 bytes so many times in front of everything in a JPEG. */
export function withSegments(jpeg: Buffer, count: number): Buffer {
  const segment = Buffer.concat([Buffer.from([0xff, 0xe2]), uint16(60_000), Buffer.alloc(59_998, 1)]);
  return Buffer.concat([jpeg.subarray(0, 2), ...Array.from({ length: count }, () => segment), jpeg.subarray(2)]);
}

export interface TiffOptions {
  readonly width: number;
  readonly height: number;
  readonly orientation?: number;
  /** Bytes between the header and the directory. */
  readonly pixels: number;
  readonly isBig?: boolean;
  /** A tag of one more entry. */
  readonly extraTag?: number;
}

/** A TIFF with its directory at the end, as libtiff writes it. */
export function tiff({ width, height, orientation = 1, pixels, isBig = false, extraTag }: TiffOptions): Buffer {
  const entries = [
    [256, width],
    [257, height],
    [274, orientation],
    ...(extraTag === undefined ? [] : [[extraTag, 1] as const]),
  ].map(([tag = 0, value = 0]) => {
    const entry = Buffer.alloc(isBig ? 20 : 12);
    entry.writeUInt16LE(tag, 0);
    entry.writeUInt16LE(tag === 274 ? 3 : 4, 2);
    entry.writeUInt8(1, 4);
    entry.writeUInt32LE(value, isBig ? 12 : 8);
    return entry;
  });
  const header = Buffer.alloc(isBig ? 16 : 8);
  header.write(isBig ? 'II\x2b\0\x08' : 'II\x2a\0', 'latin1');
  header.writeUInt32LE(header.length + pixels, isBig ? 8 : 4);
  const count = Buffer.alloc(isBig ? 8 : 2);
  count.writeUInt16LE(entries.length, 0);
  return Buffer.concat([header, Buffer.alloc(pixels, 0x5a), count, ...entries, Buffer.alloc(isBig ? 8 : 4)]);
}

/** The first page of a Skeleton stream (Xiph, Ogg Skeleton 4). */
export function skeletonPage(): Buffer {
  const packet = Buffer.concat([Buffer.from('fishead\0\x03\0\0\0', 'latin1'), Buffer.alloc(52)]);
  return Buffer.concat([
    Buffer.from('OggS\0\x02', 'latin1'),
    Buffer.alloc(20),
    Buffer.from([1, packet.length]),
    packet,
  ]);
}

/** An OLE compound file of so many bytes in front of its directory, with these streams. */
export function ole(bytes: number, ...streams: string[]): Buffer {
  const header = Buffer.alloc(512);
  header.write('d0cf11e0a1b11ae1', 'hex');
  header.writeUInt16LE(9, 30);
  header.writeUInt32LE(bytes / 512, 48);
  const entries = ['Root Entry', ...streams].map((name) => {
    const entry = Buffer.alloc(128);
    entry.write(name, 'utf16le');
    entry.writeUInt16LE(2 * name.length + 2, 64);
    return entry;
  });
  return Buffer.concat([header, Buffer.alloc(bytes, 0x22), ...entries, Buffer.alloc(512)]);
}

export interface ZipEntry {
  readonly name: string;
  readonly data: Buffer | string;
  readonly isDeflated?: boolean;
  /** Tells its length behind its data, as archives do that are written as a stream. */
  readonly isStreamed?: boolean;
}

/** An archive without checksums, which are not read to determine a type. */
export function zip(...entries: ZipEntry[]): Buffer {
  const directory: Buffer[] = [];
  const files: Buffer[] = [];
  let at = 0;
  for (const { name, data, isDeflated = false, isStreamed = false } of entries) {
    const packed = isDeflated ? deflateRawSync(data) : Buffer.from(data);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(isStreamed ? 8 : 0, 2);
    common.writeUInt16LE(isDeflated ? 8 : 0, 4);
    common.writeUInt32LE(Buffer.byteLength(data), 18);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt16LE(name.length, 22);
    const local = Buffer.from(common);
    if (isStreamed) local.fill(0, 14, 22);
    const descriptor = Buffer.concat([Buffer.from('PK\x07\x08\0\0\0\0', 'latin1'), common.subarray(14, 22)]);
    const file = [Buffer.from('PK\x03\x04'), local, Buffer.from(name), packed, ...(isStreamed ? [descriptor] : [])];
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(at, 10);
    directory.push(Buffer.from('PK\x01\x02\x14\0', 'latin1'), common, tail, Buffer.from(name));
    files.push(...file);
    at += file.reduce((sum, part) => sum + part.length, 0);
  }
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(Buffer.concat(directory).length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...files, ...directory, end]);
}

/** An office document of one part, with what its list of types calls that part. */
export function officeDocument(part: string, mainType: string, ...first: ZipEntry[]): Buffer {
  const types = `<?xml version="1.0"?><Types><Override PartName="/${part}" ContentType="${mainType}.main+xml"/></Types>`;
  return zip(
    ...first,
    { name: '[Content_Types].xml', data: types, isDeflated: true },
    { name: part, data: '<document/>', isDeflated: true },
  );
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function uint16(value: number): Buffer {
  return uint32(value).subarray(2);
}
