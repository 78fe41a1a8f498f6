import { imageSize } from 'image-size';
import { ImportError } from '../../domain/errors.js';
import type { FetchRequest } from '../source.js';
import { couldTake } from './canonical-type.js';
import { decideType } from './decide.js';
import { brandType, isIsoMedia, walkIsoMedia } from './formats/iso-media.js';
import { isMatroska, walkMatroska } from './formats/matroska.js';
import { tiffLayout, walkJpeg, walkPng, walkTiff } from './formats/pictures.js';
import { isOle, walkOle, isId3, isOgg, isWindowsMedia, walkId3, walkOgg, walkWindowsMedia } from './formats/streams.js';
import { startWalk, type Dimensions, type Found, type Walk, type Walker } from './formats/walk.js';
import { isZip, walkZip } from './formats/zip.js';
import { sniffType, type Sniffed } from './sniff.js';

/** Enough for every magic number and for the dimensions of nearly every image, small enough to keep in memory per download. */
export const HEAD_BYTES = 64 * 1024;

/**
 * Pixel dimensions from the head of an image. Undefined where they are not told there (an SVG without a size): an image without
 * known dimensions is still an image.
 */
export function imageDimensions(mimeType: string, head: Uint8Array): Dimensions | undefined {
  if (!mimeType.startsWith('image/')) return undefined;
  try {
    const { width, height } = imageSize(head);
    return plausible({ width: Math.round(width), height: Math.round(height) });
  } catch {
    return undefined;
  }
}

/** The dimensions that an image can have. */
function plausible(dimensions: Dimensions | undefined): Dimensions | undefined {
  if (dimensions === undefined) return undefined;
  const { width, height } = dimensions;
  return isPlausible(width) && isPlausible(height) ? { width, height } : undefined;
}

function isPlausible(pixels: number): boolean {
  return Number.isSafeInteger(pixels) && pixels > 0;
}

/** A look at more of a body than its magic number. */
interface Look {
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
// eslint-disable-next-line complexity -- a case for each container that is read
function lookInside(head: Buffer, { type, text }: Sniffed): Look | undefined {
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

/** What a body was found to be. */
export type Inspected = { readonly mimeType: string } & Partial<Dimensions> & Pick<Found, 'hasPosition'>;

/** Judges a body while it streams past. */
export interface Inspection {
  /** Whether more of the body changes nothing. */
  readonly settled: boolean;
  /**
   * Takes the next bytes.
   * @throws ImportError type_mismatch or type_not_allowed as soon as they are certain, which the first 64 KiB nearly always make
   * them; the same again at every call that follows
   */
  add(chunk: Buffer): Promise<void>;
  /** The verdict, once no more bytes come. @throws as `add` */
  finish(): Promise<Inspected>;
}

/**
 * Begins the inspection of a body. It keeps the first 64 KiB at most and, while what lies beyond them is looked for, what a `Walk`
 * keeps.
 * @param header type and subtype of the Content-Type header
 */
export function inspectContent(
  header: string | undefined,
  { mediaType, url, fileName }: Pick<FetchRequest, 'mediaType' | 'url' | 'fileName'>,
): Inspection {
  const waiting: Buffer[] = [];
  let waitingBytes = 0;
  let head: Buffer | undefined;
  let sniffed: Sniffed | undefined;
  let look: Look | undefined;
  let verdict: Inspected | undefined;
  let refusal: ImportError | undefined;

  function refuse(code: 'type_mismatch' | 'type_not_allowed', message: string): never {
    refusal = new ImportError(code, message, { stage: 'type' });
    throw refusal;
  }

  function decide(judged: Sniffed): string {
    const decision = decideType(header, judged, mediaType, { url, fileName });
    return 'refused' in decision ? refuse(decision.code, decision.refused) : decision.mimeType;
  }

  /** Called with what has gathered, once. */
  async function begin(): Promise<void> {
    const [first, ...more] = waiting.splice(0);
    const bytes = first !== undefined && more.length === 0 ? first : Buffer.concat([first ?? Buffer.alloc(0), ...more]);
    head = bytes.subarray(0, HEAD_BYTES);
    sniffed = await sniffType(head);
    look = lookInside(head, sniffed);
    if (bytes.length > head.length) look?.walker.push(bytes.subarray(head.length));
    await advance();
    if (verdict !== undefined || look === undefined) return;
    // A body need not be downloaded to learn which of several wrong types it is.
    if (look.mayBe === undefined || !couldTake(mediaType, look.mayBe)) decide({ ...sniffed, ...look.otherwise });
  }

  /** Settles what can be settled. */
  async function advance(): Promise<void> {
    if (head === undefined || sniffed === undefined || look?.walker.done === false) return;
    const found = look && (look.walker.found ?? look.otherwise);
    const judged = found === undefined ? sniffed : await merge(sniffed, found);
    const mimeType = decide(judged);
    const isMeasured = found !== undefined && mimeType === found.type;
    verdict = {
      mimeType,
      ...(isMeasured ? plausible(found.dimensions) : imageDimensions(mimeType, head)),
      ...(isMeasured && found.hasPosition && { hasPosition: found.hasPosition }),
    };
    // The rest of a body may take hours, and needs none of this.
    head = sniffed = look = undefined;
  }

  return {
    get settled() {
      return verdict !== undefined;
    },

    async add(chunk) {
      if (refusal !== undefined) throw refusal;
      if (verdict !== undefined) return;
      if (head === undefined) {
        waiting.push(chunk);
        waitingBytes += chunk.length;
        if (waitingBytes >= HEAD_BYTES) await begin();
        return;
      }
      look?.walker.push(chunk);
      await advance();
    },

    async finish() {
      if (refusal !== undefined) throw refusal;
      if (verdict === undefined && head === undefined) await begin();
      if (verdict === undefined) {
        look?.walker.end();
        await advance();
      }
      if (verdict === undefined) throw new Error('The inspection of a body came to no verdict');
      return verdict;
    },
  };
}

/** What was found inside goes before what the head looked like. */
async function merge(sniffed: Sniffed, { type, isUnsure, behind }: Found): Promise<Sniffed> {
  const inner = behind === undefined ? undefined : (await sniffType(behind)).type;
  if (inner !== undefined && /^(?:audio|video)\//.test(inner)) return { ...sniffed, type: inner };
  return { ...sniffed, type, ...(isUnsure !== undefined && { isUnsure }) };
}
