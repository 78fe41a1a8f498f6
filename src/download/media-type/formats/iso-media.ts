import { shownAs, MAX_ASK_BYTES, type Dimensions, type Walk, type Found } from './walk.js';

interface HeifBox {
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

function* boxesIn(bytes: Buffer): Generator<HeifBox> {
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

/** Boxes that stand first in files of the ISO base media format (ISO/IEC 14496-12) and of QuickTime, which has no `ftyp` of old. */
const FIRST_BOXES = new Set(['ftyp', 'free', 'skip', 'wide', 'pnot', 'mdat', 'moov']);
/** Those of them that say nothing. */
const FILLING = new Set(['free', 'skip', 'wide', 'pnot']);
/** Boxes that may follow one of those; `pnot` is followed by a preview, such as `PICT`. */
const TOP_BOXES = new Set([...FIRST_BOXES, 'meta', 'uuid', 'udta', 'PICT', 'moof', 'styp', 'sidx', 'prfl', 'pdin']);

/** Major brands that say more than `video/mp4`. */
const BRANDS: Readonly<Record<string, string>> = {
  'qt  ': 'video/quicktime',
  'M4V ': 'video/x-m4v',
  M4VH: 'video/x-m4v',
  M4VP: 'video/x-m4v',
  'M4A ': 'audio/mp4',
  'M4B ': 'audio/mp4',
  'F4A ': 'audio/mp4',
  'F4B ': 'audio/mp4',
};

/** Brands of still images and of image sequences (ISO/IEC 23008-12, AVIF specification): the codec that they name is the type. */
const IMAGE_BRANDS: Readonly<Record<string, string>> = {
  avif: 'image/avif',
  avis: 'image/avif',
  heic: 'image/heic',
  heix: 'image/heic',
  heim: 'image/heic',
  heis: 'image/heic',
  hevc: 'image/heic-sequence',
  hevx: 'image/heic-sequence',
  hevm: 'image/heic-sequence',
  hevs: 'image/heic-sequence',
};

/** Brands that say that there is an image and leave its codec to the compatible brands. */
const ANY_IMAGE_BRANDS: Readonly<Record<string, string>> = {
  mif1: 'image/heif',
  mif2: 'image/heif',
  mif3: 'image/heif',
  miaf: 'image/heif',
  msf1: 'image/heif-sequence',
};

/** What a file of sound alone is called. QuickTime has no such type. */
const AUDIO_OF: Readonly<Record<string, string>> = {
  'video/mp4': 'audio/mp4',
  'video/x-m4v': 'audio/mp4',
  'video/3gpp': 'audio/3gpp',
  'video/3gpp2': 'audio/3gpp2',
};

/** Handlers of tracks that are seen: of ISO media, and older ones of QuickTime. */
const PICTURES = new Set(['vide', 'auxv', 'pict', 'MPEG', 'qtvr']);

/** Real files have fewer than ten brands. */
const MAX_FTYP_BYTES = 1024;

interface Box {
  readonly type: string;
  readonly at: number;
  /** Where its payload begins. */
  readonly body: number;
  readonly end: number;
}

/** Whether a head begins with a box of these formats. */
export function isIsoMedia(head: Buffer): boolean {
  return head.length >= 16 && FIRST_BOXES.has(head.toString('latin1', 4, 8));
}

/** The type that the brands of a file name at its beginning, if they do. Raw photos of Canon are left to others. */
export function brandType(head: Buffer): string | undefined {
  if (head.toString('latin1', 4, 8) !== 'ftyp') return undefined;
  const end = Math.min(head.readUInt32BE(0), head.length, MAX_FTYP_BYTES);
  const major = head.toString('latin1', 8, 12);
  if (!/^[ -~]{4}$/.test(major)) return undefined;
  const compatible: string[] = [];
  for (let at = 16; at + 4 <= end; at += 4) compatible.push(head.toString('latin1', at, at + 4));
  const image = IMAGE_BRANDS[major] ?? imageAmong(major, compatible);
  if (image !== undefined) return image;
  if (major.startsWith('3g')) return major.startsWith('3g2') ? 'video/3gpp2' : 'video/3gpp';
  return BRANDS[major] ?? (major === 'crx ' ? 'image/x-canon-cr3' : 'video/mp4');
}

function imageAmong(major: string, compatible: readonly string[]): string | undefined {
  const image = ANY_IMAGE_BRANDS[major];
  if (image === undefined) return undefined;
  const codec = compatible.find((brand) => brand in IMAGE_BRANDS);
  return codec === undefined ? image : IMAGE_BRANDS[codec];
}

/**
 * Reads the tracks of a film or the size of an image. Sound without pictures is audio, whatever the brand says; the tracks may
 * stand at the end of the file, behind gigabytes of `mdat`.
 */
// eslint-disable-next-line complexity -- a case for each box of the format
export function* walkIsoMedia(): Walk<Found> {
  let type: string | undefined;
  let isFilling = true;
  for (let at = 0; ;) {
    const box = yield* boxAt(at);
    // Other formats may have the letters of a filling box there; what follows one shows whether it was one. Behind `ftyp` there may
    // be boxes that are not known here.
    const isBox = box !== undefined && (TOP_BOXES.has(box.type) || (type !== undefined && /^[ -~]{4}$/.test(box.type)));
    if (!isBox) return isFilling ? {} : unsure(type);
    isFilling &&= FILLING.has(box.type);
    if (box.type === 'ftyp') {
      type = brandType(yield { at, length: Math.min(box.end - at, MAX_FTYP_BYTES) });
      if (type?.startsWith('audio/') === true || type === 'image/x-canon-cr3') return { type };
    }
    const isImage = type?.startsWith('image/') === true;
    if (box.type === 'meta' && isImage) return yield* imageOf(box, type);
    if (box.type === 'moov' && !isImage) return yield* filmOf(box, type ?? 'video/quicktime');
    if (!Number.isFinite(box.end)) return unsure(type);
    at = box.end;
  }
}

function unsure(type: string | undefined): Found {
  return type?.startsWith('image/') === true ? { type } : { type: type ?? 'video/quicktime', isUnsure: true };
}

/** A box of size 0 goes to the end of the file. */
function* boxAt(at: number): Walk<Box | undefined> {
  const header = yield { at, length: 16 };
  if (header.length < 8) return undefined;
  const type = header.toString('latin1', 4, 8);
  const size = header.readUInt32BE(0);
  if (size === 0) return { type, at, body: at + 8, end: Infinity };
  if (size >= 8) return { type, at, body: at + 8, end: at + size };
  if (size !== 1 || header.length < 16) return undefined;
  const large = Number(header.readBigUInt64BE(8));
  return large < 16 ? undefined : { type, at, body: at + 16, end: at + large };
}

function* imageOf(meta: Box, type: string | undefined): Walk<Found> {
  const length = meta.end - meta.body;
  const dimensions = length > MAX_ASK_BYTES ? undefined : heifDimensions(yield { at: meta.body, length });
  return { ...(type !== undefined && { type }), ...(dimensions && { dimensions }) };
}

function* filmOf(moov: Box, type: string): Walk<Found> {
  let hasSound = false;
  for (let at = moov.body; at < moov.end;) {
    const box = yield* boxAt(at);
    if (box === undefined) break;
    const handler = box.type === 'trak' ? yield* handlerOf(box) : undefined;
    if (handler !== undefined && PICTURES.has(handler)) return { type };
    hasSound ||= handler === 'soun';
    at = box.end;
  }
  return hasSound ? { type: AUDIO_OF[type] ?? type } : { type, isUnsure: true };
}

/** What a track is for: the handler type of trak/mdia/hdlr (ISO/IEC 14496-12 section 8.4.3). */
function* handlerOf(trak: Box): Walk<string | undefined> {
  const mdia = yield* childOf(trak, 'mdia');
  const hdlr = mdia && (yield* childOf(mdia, 'hdlr'));
  if (hdlr === undefined) return undefined;
  return (yield { at: hdlr.body + 8, length: 4 }).toString('latin1');
}

function* childOf(parent: Box, type: string): Walk<Box | undefined> {
  for (let at = parent.body; at < parent.end;) {
    const box = yield* boxAt(at);
    if (box === undefined || box.type === type) return box;
    at = box.end;
  }
  return undefined;
}
