import { constants, inflateRawSync } from 'node:zlib';
import { MAX_ASK_BYTES, type Walk, type Found } from './walk.js';

const OPEN_XML = 'application/vnd.openxmlformats-officedocument';
const CONTENT_TYPES = '[Content_Types].xml';
/** Of e-books and OpenDocument: holds the type and nothing else. */
const MIMETYPE = 'mimetype';

/** The main part of an office document, and its type when the list of types cannot be read; the second one is that with macros. */
const MAIN_PARTS: readonly (readonly [part: string, type: string, withMacros: string])[] = [
  ['word/document.xml', `${OPEN_XML}.wordprocessingml.document`, 'application/vnd.ms-word.document.macroenabled.12'],
  ['xl/workbook.xml', `${OPEN_XML}.spreadsheetml.sheet`, 'application/vnd.ms-excel.sheet.macroenabled.12'],
  [
    'ppt/presentation.xml',
    `${OPEN_XML}.presentationml.presentation`,
    'application/vnd.ms-powerpoint.presentation.macroenabled.12',
  ],
  [
    'xl/workbook.bin',
    'application/vnd.ms-excel.sheet.binary.macroenabled.12',
    'application/vnd.ms-excel.sheet.binary.macroenabled.12',
  ],
  ['visio/document.xml', 'application/vnd.visio', 'application/vnd.visio'],
];

/** The names of a ZIP archive, as far as they tell its type. */
interface ZipNames {
  /** Takes a name and answers whether the entry itself tells the type and was not seen before. */
  note(name: string): boolean;
  /** The type by names alone. */
  type(): string | undefined;
}

function createZipNames(): ZipNames {
  const noted = new Set<string>();
  return {
    note(name) {
      const isNew = !noted.has(name);
      if (isTelling(name)) noted.add(name);
      return isNew && (name === CONTENT_TYPES || name === MIMETYPE);
    },
    type() {
      const has = (name: string): boolean => noted.has(name);
      if (has(CONTENT_TYPES)) {
        const [, type, withMacros] = MAIN_PARTS.find(([part]) => has(part)) ?? [];
        return [...noted].some((name) => name.endsWith('vbaProject.bin')) ? withMacros : type;
      }
      if (has(MIMETYPE) && has('META-INF/container.xml')) return 'application/epub+zip';
      if (has('META-INF/mozilla.rsa')) return 'application/x-xpinstall';
      if (has('classes.dex')) return 'application/vnd.android.package-archive';
      return has('META-INF/MANIFEST.MF') ? 'application/java-archive' : undefined;
    },
  };
}

/** The few names that are remembered: an archive may have any number of others. */
function isTelling(name: string): boolean {
  return (
    /^(?:mimetype|\[Content_Types\]\.xml|classes\.dex|(?:word|xl|ppt)\/vbaProject\.bin)$/.test(name) ||
    /^META-INF\/(?:container\.xml|MANIFEST\.MF|mozilla\.rsa)$/.test(name) ||
    MAIN_PARTS.some(([part]) => part === name)
  );
}

/** The type that the content of an entry tells. */
function typeOfEntry(name: string, content: string): string | undefined {
  if (name === MIMETYPE) {
    return /^application\/(?:epub\+zip|vnd\.oasis\.opendocument\.[a-z-]{1,60})$/.exec(content.trim())?.[0];
  }
  const main = /ContentType=["'](application\/[\w.-]{1,100}?)\.main(?:\+xml)?["']/i.exec(content)?.[1]?.toLowerCase();
  if (main === undefined) return /3dmanufacturing-3dmodel\+xml["']/.test(content) ? 'model/3mf' : undefined;
  if (main.startsWith(`${OPEN_XML}.`)) return main;
  if (main.startsWith('application/vnd.ms-visio.')) return 'application/vnd.visio';
  // `….macroEnabled.main+xml` in the file is registered as `….macroenabled.12`.
  const macros = /^(application\/vnd\.ms-(?:word|excel|powerpoint)\..+macroenabled)(?:template)?$/.exec(main)?.[1];
  return macros && `${macros}.12`;
}

/** Signatures and lengths of APPNOTE.TXT sections 4.3.7, 4.3.12 and 4.3.16. */
const LOCAL_HEADER = 0x04034b50;
const DIRECTORY_ENTRY = 0x02014b50;
const END_OF_DIRECTORY = Buffer.from('PK\x05\x06', 'latin1');
const LOCAL_BYTES = 30;
const ENTRY_BYTES = 46;
const END_BYTES = 22;

const STORED = 0;
const DEFLATED = 8;
/** The sizes stand behind the data. */
const HAS_DESCRIPTOR = 0x08;
const IN_ZIP64_EXTRA = 0xffffffff;

/** An archive of more is asked for its directory: each entry takes two asks, and a walk has a limit of them. */
const MAX_ENTRIES = 1_000;

/** The list of types in an office document of thousands of parts is half as long. More is a bomb. */
const MAX_INFLATED_BYTES = 1024 * 1024;

interface Entry {
  readonly name: string;
  readonly method: number;
  /** Undefined where it is told behind the data only. */
  readonly packedBytes: number | undefined;
}

/** Whether a head begins with an entry of a ZIP archive. */
export function isZip(head: Buffer): boolean {
  return head.length >= LOCAL_BYTES && head.readUInt32LE(0) === LOCAL_HEADER;
}

/**
 * Tells office documents, e-books and programs among ZIP archives. It goes from entry to entry; where an entry does not tell its
 * length it waits for the directory at the end. It may ask for the last bytes.
 */
export function* walkZip(): Walk<Found> {
  const names = createZipNames();
  let at = 0;
  for (let entries = 0; entries < MAX_ENTRIES; entries += 1) {
    const header = yield { at, length: LOCAL_BYTES };
    if (header.length < LOCAL_BYTES) break;
    if (header.readUInt32LE(0) !== LOCAL_HEADER) {
      if (header.readUInt32LE(0) === DIRECTORY_ENTRY) return { type: names.type() ?? 'application/zip' };
      break;
    }
    const nameBytes = header.readUInt16LE(26);
    const extraBytes = header.readUInt16LE(28);
    const packedBytes = lengthOf(header.readUInt16LE(6), header.readUInt32LE(18));
    const name = (yield { at: at + LOCAL_BYTES, length: nameBytes }).toString('utf8');
    const entry = { name, method: header.readUInt16LE(8), packedBytes };
    const data = at + LOCAL_BYTES + nameBytes + extraBytes;
    if (names.note(name)) {
      const length = Math.min(packedBytes ?? MAX_ASK_BYTES / 2, MAX_ASK_BYTES);
      const type = typeOfEntry(name, unpack(entry, yield { at: data, length }));
      if (type !== undefined) return { type };
    }
    if (packedBytes === undefined) break;
    at = data + packedBytes;
  }
  const type = typeByDirectory(yield { last: MAX_ASK_BYTES }, names);
  return { type: type ?? names.type() ?? 'application/zip' };
}

function lengthOf(flags: number, packedBytes: number): number | undefined {
  if (packedBytes === IN_ZIP64_EXTRA) return undefined;
  return (flags & HAS_DESCRIPTOR) !== 0 && packedBytes === 0 ? undefined : packedBytes;
}

/** As much of an entry as is there; what lies behind a deflated one is passed over. */
function unpack({ method }: Entry, packed: Buffer): string {
  if (method === STORED) return packed.toString('utf8');
  if (method !== DEFLATED) return '';
  try {
    const limits = { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: MAX_INFLATED_BYTES };
    return inflateRawSync(packed, limits).toString('utf8');
  } catch {
    return '';
  }
}

/** Reads what the last bytes hold of the directory, and of the entries that tell the type. */
function typeByDirectory(last: Buffer, names: ReturnType<typeof createZipNames>): string | undefined {
  const end = endOfDirectory(last);
  if (end < 0) return undefined;
  const directoryBytes = last.readUInt32LE(end + 12);
  // Where the last bytes begin, by the place that the archive gives for its directory.
  const start = last.readUInt32LE(end + 16) - (end - directoryBytes);
  let at = end - directoryBytes;
  if (at < 0) at = last.indexOf('PK\x01\x02', 0, 'latin1');
  while (at >= 0 && at + ENTRY_BYTES <= end && last.readUInt32LE(at) === DIRECTORY_ENTRY) {
    const nameBytes = last.readUInt16LE(at + 28);
    const name = last.toString('utf8', at + ENTRY_BYTES, at + ENTRY_BYTES + nameBytes);
    if (names.note(name)) {
      const packedBytes = last.readUInt32LE(at + 20);
      const entry = { name, method: last.readUInt16LE(at + 10), packedBytes };
      const data = dataOf(last, last.readUInt32LE(at + 42) - start);
      const type = data < 0 ? undefined : typeOfEntry(name, unpack(entry, last.subarray(data, data + packedBytes)));
      if (type !== undefined) return type;
    }
    at += ENTRY_BYTES + nameBytes + last.readUInt16LE(at + 30) + last.readUInt16LE(at + 32);
  }
  return undefined;
}

/** -1 when there is none. A comment may follow it, and may hold its signature. */
function endOfDirectory(last: Buffer): number {
  for (let at = last.length; ;) {
    at = last.lastIndexOf(END_OF_DIRECTORY, at - 1);
    if (at < 0) return -1;
    if (at + END_BYTES <= last.length && at + END_BYTES + last.readUInt16LE(at + 20) === last.length) return at;
    if (at === 0) return -1;
  }
}

/** Where the data of the entry begin whose header stands at a place; -1 when no header stands there. */
function dataOf(last: Buffer, at: number): number {
  if (at < 0 || at + LOCAL_BYTES > last.length || last.readUInt32LE(at) !== LOCAL_HEADER) return -1;
  return at + LOCAL_BYTES + last.readUInt16LE(at + 26) + last.readUInt16LE(at + 28);
}
