import type { AssetFacts } from '../domain/media.js';

/** Raised when a probe learns to read more: records of earlier versions are then probed again in the background. */
export const PROBE_VERSION = 1;

/** How bytes of a type are probed: film and sound by their container, photos for their metadata. */
export type ProbeKind = 'film' | 'photo';

const FILM = /^(?:audio|video)\/|^application\/(?:ogg|mp4|mxf|vnd\.ms-asf)$/;
/** Formats that may hold Exif metadata. */
const PHOTO = /^image\/(?:jpeg|png|tiff|webp|avif|heic|heif|x-adobe-dng|x-sony-arw)$/;
/** Of these, what `src/download/media-type` has read while the bytes streamed past. */
const READ_IN_PASSING = /^image\/(?:jpeg|png)$/;
/** Web formats, which hardly ever have a position and come by the thousand: they are read in the background alone. */
const NOT_URGENT = /^image\/(?:webp|avif)$/;

/** The types that `probeKind` knows, for the database. */
export const PROBED_TYPES = new RegExp(`${FILM.source}|${PHOTO.source}`);

/** How a type is probed; null for one that a probe has nothing to say of. */
export function probeKind(mimeType: string): ProbeKind | null {
  if (FILM.test(mimeType)) return 'film';
  return PHOTO.test(mimeType) ? 'photo' : null;
}

/** When new bytes of a type are probed: it is done already, it is done before the record is written, or a collection does it later. */
export function probeTime(mimeType: string): 'done' | 'now' | 'later' | 'never' {
  if (READ_IN_PASSING.test(mimeType)) return 'done';
  if (NOT_URGENT.test(mimeType)) return 'later';
  return probeKind(mimeType) === null ? 'never' : 'now';
}

/** More than any file has, and far below what JSON or a database would write in another way. */
const MOST = 1e9;

/** A number that can be true, with three decimals at most. */
export function plausible(value: number | null | undefined): number | undefined {
  if (value === null || value === undefined || !(value > 0 && value < MOST)) return undefined;
  const rounded = Math.round(value * 1_000) / 1_000;
  return rounded > 0 ? rounded : undefined;
}

/** Width and height are told together or not at all. */
export function plausibleSize(
  width: number | null | undefined,
  height: number | null | undefined,
): Pick<AssetFacts, 'width' | 'height'> {
  const [w, h] = [plausible(width), plausible(height)];
  if (w === undefined || h === undefined) return {};
  return { width: Math.max(1, Math.round(w)), height: Math.max(1, Math.round(h)) };
}

/** A codec name as ffprobe writes them; anything else is not shown. */
export function plausibleCodec(name: string | null | undefined): string | undefined {
  return typeof name === 'string' && /^[a-z0-9][a-z0-9_.-]{0,31}$/.test(name) ? name : undefined;
}

/** Leaves out what is not known. */
export function factsOf(found: { readonly [K in keyof AssetFacts]: AssetFacts[K] | undefined }): AssetFacts {
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}

/** What the main thread says to the thread that probes. */
export type ToThread =
  | { readonly type: 'probe'; readonly job: number; readonly kind: ProbeKind; readonly size: number }
  /** Null when the read is refused. */
  | { readonly type: 'bytes'; readonly read: number; readonly bytes: Uint8Array | null };

/** What it answers; `end` is exclusive. */
export type FromThread =
  | { readonly type: 'read'; readonly job: number; readonly read: number; readonly start: number; readonly end: number }
  | { readonly type: 'done'; readonly job: number; readonly facts: AssetFacts };
