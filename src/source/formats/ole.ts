import type { Walk } from '../walk.js';
import type { Found } from './found.js';

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
