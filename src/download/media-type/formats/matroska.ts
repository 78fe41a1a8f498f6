import type { Walk, Found } from './walk.js';

/** Element ids of RFC 9559, with their length marker. */
const EBML = 0x1a45dfa3;
const DOC_TYPE = 0x4282;
const SEGMENT = 0x18538067;
const TRACKS = 0x1654ae6b;
const TRACK_ENTRY = 0xae;
const TRACK_TYPE = 0x83;
/** Values of TrackType; a complex track has both. */
const VIDEO = 1;
const AUDIO = 2;
const COMPLEX = 3;

const SUBTYPES: Readonly<Record<string, string>> = { webm: 'webm', matroska: 'x-matroska' };

interface Element {
  readonly id: number;
  readonly body: number;
  /** Infinity where the size is not told, as in live streams. */
  readonly end: number;
}

/** Whether a head begins with an EBML header. */
export function isMatroska(head: Buffer): boolean {
  return head.length >= 4 && head.readUInt32BE(0) === EBML;
}

/** Tells WebM and Matroska with pictures from those with sound alone, by their tracks. */
// eslint-disable-next-line complexity -- a case for each element of the format
export function* walkMatroska(): Walk<Found> {
  const header = yield* elementAt(0);
  if (header === undefined) return {};
  const docType = yield* childOf(header, DOC_TYPE);
  const name = docType && (yield { at: docType.body, length: Math.min(docType.end - docType.body, 64) });
  const subtype = name && SUBTYPES[name.toString('latin1').replace(/\0.*$/s, '')];
  if (subtype === undefined) return {};

  const segment = yield* elementAt(header.end);
  const tracks = segment?.id === SEGMENT ? yield* childOf(segment, TRACKS) : undefined;
  let hasSound = false;
  for (let at = tracks?.body ?? 0; tracks !== undefined && at < tracks.end;) {
    const element = yield* elementAt(at);
    if (element === undefined) break;
    if (element.id === TRACK_ENTRY) {
      const type = yield* childOf(element, TRACK_TYPE);
      const value = type && (yield { at: type.body, length: 1 })[0];
      if (value === VIDEO || value === COMPLEX) return { type: `video/${subtype}` };
      hasSound ||= value === AUDIO;
    }
    at = element.end;
  }
  return hasSound ? { type: `audio/${subtype}` } : { type: `video/${subtype}`, isUnsure: true };
}

function* childOf(parent: Element, id: number): Walk<Element | undefined> {
  for (let at = parent.body; at < parent.end;) {
    const element = yield* elementAt(at);
    if (element === undefined || element.id === id) return element;
    at = element.end;
  }
  return undefined;
}

/** An id of 1 to 4 bytes, then a size of 1 to 8 (RFC 8794 sections 4 to 6). */
function* elementAt(at: number): Walk<Element | undefined> {
  if (!Number.isFinite(at)) return undefined;
  const bytes = yield { at, length: 12 };
  const idLength = vintLength(bytes[0]);
  const sizeLength = vintLength(bytes[idLength]);
  if (idLength > 4 || sizeLength > 8 || bytes.length < idLength + sizeLength) return undefined;
  const id = bytes.readUIntBE(0, idLength);
  const body = at + idLength + sizeLength;
  const size = sizeOf(bytes.subarray(idLength, idLength + sizeLength));
  return { id, body, end: body + size };
}

/** 9 for what is no such number. */
function vintLength(first: number | undefined): number {
  return first === undefined ? 9 : Math.clz32(first) - 23;
}

function sizeOf(bytes: Buffer): number {
  let value = (bytes[0] ?? 0) & (0xff >> bytes.length);
  let isUnknown = value === 0xff >> bytes.length;
  for (const byte of bytes.subarray(1)) {
    value = value * 256 + byte;
    isUnknown &&= byte === 0xff;
  }
  return isUnknown ? Infinity : value;
}
