import type { Walk, Found } from './walk.js';

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

/** GUIDs of the ASF specification as they lie in the file. */
const ASF_HEADER = '3026b2758e66cf11a6d900aa0062ce6c';
const STREAM_PROPERTIES = '9107dcb7b7a9cf118ee600c00c205365';
const ASF_VIDEO = 'c0ef19bc4d5bcf11a8fd00805f5c442b';
const ASF_AUDIO = '409e69f84d5bcf11a8fd00805f5c442b';

/** Whether a head begins with the header object of Windows Media. */
export function isWindowsMedia(head: Buffer): boolean {
  return head.toString('hex', 0, 16) === ASF_HEADER;
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
      if (kind === ASF_VIDEO) return { type: 'video/x-ms-wmv' };
      hasSound ||= kind === ASF_AUDIO;
    }
    if (size < 24) break;
    at += size;
  }
  return hasSound ? { type: 'audio/x-ms-wma' } : { type: 'video/x-ms-wmv', isUnsure: true };
}

/** Of a tag: `ID3`, two bytes of version, one of flags and four of size (ID3v2.4 section 3.1). */
const TAG_HEADER_BYTES = 10;
const HAS_FOOTER = 0x10;

/** As much as a magic number takes: file-type reads 4,100 bytes. */
const BEHIND_BYTES = 8 * 1024;

/** Whether a head begins with a tag of ID3: no byte of its size has its first bit set. */
export function isId3(head: Buffer): boolean {
  return (
    head.length >= TAG_HEADER_BYTES &&
    head.toString('latin1', 0, 3) === 'ID3' &&
    head.subarray(6, TAG_HEADER_BYTES).every((byte) => byte < 0x80)
  );
}

/** Goes behind the tags, whose cover pictures may take megabytes, to the sound. MP3 is what mostly follows. */
export function* walkId3(): Walk<Found> {
  let at = 0;
  for (;;) {
    const behind = yield { at, length: BEHIND_BYTES };
    if (!isId3(behind)) return { type: 'audio/mpeg', isUnsure: true, behind };
    const size = behind.subarray(6, TAG_HEADER_BYTES).reduce((sum, byte) => sum * 0x80 + byte, 0);
    const hasFooter = (behind.readUInt8(5) & HAS_FOOTER) !== 0;
    at += TAG_HEADER_BYTES + size + (hasFooter ? TAG_HEADER_BYTES : 0);
  }
}

/** [MS-CFB] sections 2.2 and 2.6: the header and the entries of a directory. */
const SIGNATURE = 'd0cf11e0a1b11ae1';
const HEADER_BYTES = 512;
const ENTRY_BYTES = 128;
/** The entries that programs make first are in the first sectors, which are nearly always together. */
const DIRECTORY_BYTES = 4_096;

/** The main stream of a document. */
const STREAMS: Readonly<Record<string, string>> = {
  WordDocument: 'application/msword',
  Workbook: 'application/vnd.ms-excel',
  Book: 'application/vnd.ms-excel',
  'PowerPoint Document': 'application/vnd.ms-powerpoint',
  VisioDocument: 'application/vnd.visio',
  '__properties_version1.0': 'application/vnd.ms-outlook',
};
/** The class of an installer; its streams have packed names. */
const INSTALLER = '84100c0000000000c000000000000046';

/** Whether a head begins with the signature of OLE compound files. */
export function isOle(head: Buffer): boolean {
  return head.toString('hex', 0, 8) === SIGNATURE;
}

/** Tells the documents of older office programs by their directory, which may stand anywhere. */
export function* walkOle(): Walk<Found> {
  const unknown = { type: 'application/x-cfb', isUnsure: true };
  const header = yield { at: 0, length: HEADER_BYTES };
  const shift = header.length < HEADER_BYTES ? 0 : header.readUInt16LE(30);
  if (shift !== 9 && shift !== 12) return unknown;
  // Sector 0 follows the header, which takes the room of one.
  const directory = yield { at: (header.readUInt32LE(48) + 1) * 2 ** shift, length: DIRECTORY_BYTES };
  for (let at = 0; at + ENTRY_BYTES <= directory.length; at += ENTRY_BYTES) {
    const nameBytes = Math.min(64, directory.readUInt16LE(at + 64));
    const name = directory.toString('utf16le', at, at + Math.max(0, nameBytes - 2));
    const type = Object.hasOwn(STREAMS, name) ? STREAMS[name] : undefined;
    if (type !== undefined) return { type };
    if (at === 0 && directory.toString('hex', 80, 96) === INSTALLER) return { type: 'application/x-msi' };
  }
  return unknown;
}
