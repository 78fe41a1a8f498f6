import { tiffLayout } from './formats/exif.js';
import type { Found } from './formats/found.js';
import { brandType, isIsoMedia, walkIsoMedia } from './formats/iso-media.js';
import { isMatroska, walkMatroska } from './formats/matroska.js';
import { isOle, walkOle } from './formats/ole.js';
import { walkJpeg, walkPng, walkTiff } from './formats/pictures.js';
import { isId3, isOgg, isWindowsMedia, walkId3, walkOgg, walkWindowsMedia } from './formats/streams.js';
import { isZip, walkZip } from './formats/zip.js';
import type { Sniffed } from './sniff-type.js';
import { startWalk, type Walk, type Walker } from './walk.js';

/** A look at more of a body than its magic number. */
export interface Look {
  readonly walker: Walker<Found>;
  /** Top-level types that it may end in; undefined when the type is known and only the size of an image is looked for. */
  readonly mayBe: readonly string[] | undefined;
  /** What the content is when the walk is lost in it. */
  readonly otherwise: Found;
}

const FILM = ['video', 'audio'];
/** What file-type takes the formats of ISO media for; its other types have magic numbers that go before. */
const ISO_MEDIA = /^(?:video|audio|image)\/(?!jpeg|png|gif|bmp|webp|tiff)/;

/** Starts the look that a head calls for; undefined when the head has said all there is to say. */
export function lookInside(head: Buffer, { type, text }: Sniffed): Look | undefined {
  const look = (walk: Walk<Found>, mayBe: readonly string[] | undefined, known = type, usesLast = false): Look => ({
    walker: startWalk(walk, head, usesLast),
    mayBe,
    otherwise: { ...(known !== undefined && { type: known }), isUnsure: mayBe !== undefined },
  });
  if (text) return undefined;
  if (type === 'image/jpeg') return look(walkJpeg(), undefined);
  if (type === 'image/png') return look(walkPng(), undefined);
  if (isZip(head) && (type === undefined || type === 'application/zip')) {
    return look(walkZip(), ['application', 'model'], 'application/zip', true);
  }
  if (type === 'image/tiff' || (type === undefined && tiffLayout(head) !== undefined))
    return look(walkTiff(), ['image']);
  if (isIsoMedia(head) && (type === undefined || ISO_MEDIA.test(type))) {
    const brand = brandType(head);
    const family = brand?.startsWith('image/') === true ? ['image'] : FILM;
    return look(walkIsoMedia(), brand === undefined ? [...FILM, 'image'] : family, brand ?? type);
  }
  if (isOle(head)) return look(walkOle(), ['application']);
  if (isMatroska(head)) return look(walkMatroska(), FILM);
  if (isOgg(head)) return look(walkOgg(), [...FILM, 'application']);
  if (isWindowsMedia(head)) return look(walkWindowsMedia(), FILM);
  return isId3(head) ? look(walkId3(), FILM, 'audio/mpeg') : undefined;
}
