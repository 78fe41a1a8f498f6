import { constants, inflateRawSync } from 'node:zlib';
import { MAX_ASK_BYTES, type Walk } from '../walk.js';
import type { Found } from './found.js';
import { createZipNames, typeOfEntry } from './zip-types.js';

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
