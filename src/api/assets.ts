import { LRUCache } from 'lru-cache';
import { extension, lookup } from 'mime-types';
import type { BlobStore } from '../blobs/blob-store.js';
import { ApiError } from '../domain/api-error.js';
import type { MediaStore } from '../store/store.js';
import type { RequestContext, RequestHandler } from './context.js';
import { createRequestSlots, untilAnswered } from './places.js';

/** Where mime-types has no extension, or one that players and people do not expect. */
const EXTENSIONS = new Map([
  ['application/postscript', 'ps'],
  ['application/vnd.ms-asf', 'asf'],
  ['audio/flac', 'flac'],
  ['audio/mpeg', 'mp3'],
  ['audio/ogg', 'ogg'],
  ['audio/opus', 'opus'],
  ['audio/vnd.wave', 'wav'],
  ['video/matroska', 'mkv'],
  ['video/mpeg', 'mpg'],
  ['video/quicktime', 'mov'],
  ['video/vnd.avi', 'avi'],
]);

/** What the asset route takes: mime-types also knows `webmanifest`, `x_t` and `n-gage`. */
const SERVED = /^[a-z0-9]{1,10}$/;

/** The file extension, without its dot, of a media type with or without parameters; `bin` for one that has none to serve. */
export function assetExtension(mimeType: string): string {
  const essence = (mimeType.split(';', 1)[0] ?? '').trim().toLowerCase();
  const known = EXTENSIONS.get(essence) ?? extension(essence);
  return known !== false && SERVED.test(known) ? known : 'bin';
}

/** Where the gateway serves a blob: `<publicUrl>/assets/<sha256>.<ext>`. The blob decides; the extension is for people. */
export function assetUrl(publicUrl: string, sha256: string, mimeType: string): string {
  return `${publicUrl.replace(/\/+$/, '')}/assets/${sha256}.${assetExtension(mimeType)}`;
}

/** How the bytes behind an extension are labelled. */
export interface AssetType {
  readonly contentType: string;
  /** Whether a browser may show it in place; everything else is offered for saving. */
  readonly isInline: boolean;
  /** The extension that it is saved under, without its dot. */
  readonly savedAs: string;
}

/** Types that a browser shows without running anything of theirs. */
const INLINE =
  /^(?:image\/(?:png|jpeg|gif|webp|avif|bmp|tiff)|video\/[a-z0-9.+-]+|audio\/[a-z0-9.+-]+|application\/pdf|text\/plain)$/;
/**
 * Labelled truthfully all the same, and only ever saved. Without what a desktop or a telephone would run: HTML Help, packages, and all
 * that is XML. An `<img>` runs no scripts of an SVG, and shows it despite the disposition.
 */
const SAVED =
  /^(?:image\/svg\+xml|application\/(?:zip|gzip|json|epub\+zip|rtf|msword|vnd\.(?!ms-htmlhelp|android|debian|.*installer)[a-z0-9.-]+)|text\/csv)$/;

/**
 * The type of an asset, told by its extension. The client that imports a file chooses its bytes, so nothing that a browser or a desktop
 * would execute (HTML, scripts, XML, programs) is ever labelled as such, nor saved under a name that would run.
 */
export function assetType(extension: string): AssetType {
  const found = lookup(extension) || '';
  if (INLINE.test(found)) {
    const contentType = found === 'text/plain' ? 'text/plain; charset=utf-8' : found;
    return { contentType, isInline: true, savedAs: extension };
  }
  if (SAVED.test(found)) return { contentType: found, isInline: false, savedAs: extension };
  return { contentType: 'application/octet-stream', isInline: false, savedAs: 'bin' };
}

export type ByteRange = { readonly start: number; readonly end: number } | 'whole' | 'unsatisfiable';

/**
 * Reads a Range header for a body of `size` bytes (RFC 9110 section 14.1.2); `end` is inclusive. What is not one range of
 * bytes is ignored, as the RFC allows: the whole body is the answer. Not range-parser: of 10 bytes it calls `-99` unsatisfiable, which
 * asks for all of them, and `5-2` too, which is no range; and it drops ranges from a list that should be ignored as a whole.
 */
export function byteRange(header: string, size: number): ByteRange {
  const [, first, last] = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(header) ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return 'whole';
  if (first === '') {
    const length = Math.min(Number(last), size);
    return length === 0 ? 'unsatisfiable' : { start: size - length, end: size - 1 };
  }
  const start = Number(first);
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (last !== '' && Number(last) < start) return 'whole';
  return start >= size ? 'unsatisfiable' : { start, end };
}

const ASSET_PATH = /^\/assets\/([0-9a-f]{64})\.([a-z0-9]{1,10})$/;
/** Named by its content, so it can never change; a year is the longest that caches take (RFC 9111 section 1.2.2 readers). */
const CACHE_CONTROL = 'public, max-age=31536000, immutable';

/** A page of pictures asks for all of them at once, and small ones are sent in milliseconds. */
const WAIT_MS = 2_000;
/** Some 3 MiB. What a blob was found to be hardly ever changes; when its last record goes, the blob goes within hours. */
const KNOWN_EXTENSIONS = { max: 20_000, ttl: 10 * 60_000 };

export interface AssetDeps {
  readonly blobs: Pick<BlobStore, 'stat' | 'read'>;
  readonly media: Pick<MediaStore, 'mimeTypes'>;
  /** Assets that are sent at a time. */
  readonly maxOpen: number;
}

/**
 * `GET /assets/<sha256>.<ext>`: stored bytes, for anyone who knows their hash, under the extension of the type that they were found to
 * have and no other: the client that imports a file must not choose what it is taken for. One byte range, strong ETag and
 * conditional requests as in RFC 9110 sections 13 and 14.
 */
export function getAsset({ blobs, media, maxOpen }: AssetDeps): RequestHandler {
  const takePlace = createRequestSlots({
    total: maxOpen,
    waitMs: WAIT_MS,
    refusal: () => new ApiError(503, { message: 'Too many assets are being sent' }, { 'Retry-After': '2' }),
  });
  const known = new LRUCache<string, readonly string[]>(KNOWN_EXTENSIONS);
  const extensionsOf = async (sha256: string): Promise<readonly string[]> => {
    const kept = known.get(sha256);
    if (kept !== undefined) return kept;
    const extensions = (await media.mimeTypes(sha256)).map(assetExtension);
    // An import may be about to refer to what nothing refers to yet.
    if (extensions.length > 0) known.set(sha256, extensions);
    return extensions;
  };

  return async (ctx) => {
    const [, sha256, extension] = ASSET_PATH.exec(ctx.path) ?? [];
    if (sha256 === undefined || extension === undefined) throw new ApiError(404, { url: ctx.path });
    const stat = await blobs.stat(sha256);
    if (stat === null || !(await extensionsOf(sha256)).includes(extension)) throw new ApiError(404, { url: ctx.path });

    const etag = `"${sha256}"`;
    if (matches(ctx.get('if-none-match'), etag)) {
      describe(ctx, etag);
      ctx.status = 304;
      return;
    }
    const range = wantedRange(ctx, etag, stat.bytes);
    if (range === 'unsatisfiable') throw unsatisfiable(stat.bytes);
    if (ctx.method !== 'HEAD') untilAnswered(ctx.res, await takePlace());
    await send(ctx, { blobs, sha256, etag, extension, size: stat.bytes, range });
  };
}

/** Only for an answer that is certain: an error must not be kept for a year. */
function describe(ctx: RequestContext, etag: string): void {
  ctx.set('ETag', etag);
  ctx.set('Cache-Control', CACHE_CONTROL);
  ctx.set('Accept-Ranges', 'bytes');
}

interface Wanted {
  readonly blobs: Pick<BlobStore, 'read'>;
  readonly sha256: string;
  readonly etag: string;
  readonly extension: string;
  readonly size: number;
  readonly range: { readonly start: number; readonly end: number } | 'whole';
}

async function send(ctx: RequestContext, { blobs, sha256, etag, extension, size, range }: Wanted): Promise<void> {
  const body = ctx.method === 'HEAD' ? undefined : await blobs.read(sha256, range === 'whole' ? undefined : range);
  if (body === null) throw new ApiError(404, { url: ctx.path });
  // The client left while the file was opened: nothing would read it to its end, and so nothing would close it.
  if (ctx.res.closed || ctx.res.destroyed) body?.destroy();
  const { contentType, isInline, savedAs } = assetType(extension);
  describe(ctx, etag);
  ctx.set('Content-Disposition', isInline ? 'inline' : `attachment; filename="${sha256}.${savedAs}"`);
  // Public bytes: pages of other origins show them, whatever isolation they ask for.
  ctx.set('Cross-Origin-Resource-Policy', 'cross-origin');
  if (range !== 'whole') ctx.set('Content-Range', `bytes ${range.start}-${range.end}/${size}`);
  ctx.status = range === 'whole' ? 200 : 206;
  if (body !== undefined) ctx.body = body;
  ctx.set('Content-Type', contentType);
  ctx.length = range === 'whole' ? size : range.end - range.start + 1;
}

function wantedRange(ctx: RequestContext, etag: string, size: number) {
  const header = ctx.get('range');
  // RFC 9110 section 14.2: Range means something for GET only; section 13.1.5: If-Range compares strongly.
  if (ctx.method !== 'GET' || header === '') return 'whole';
  const ifRange = ctx.get('if-range');
  return ifRange !== '' && ifRange !== etag ? 'whole' : byteRange(header, size);
}

/** Weak comparison, as If-None-Match asks for (RFC 9110 section 13.1.2). */
function matches(header: string, etag: string): boolean {
  return header.split(',').some((part) => ['*', etag, `W/${etag}`].includes(part.trim()));
}

function unsatisfiable(size: number): ApiError {
  const headers = { 'Content-Range': `bytes */${size}`, 'Cache-Control': 'no-store' };
  return new ApiError(416, { range: `Must lie within ${size} bytes` }, headers);
}
