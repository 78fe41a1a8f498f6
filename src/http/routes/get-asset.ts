import { LRUCache } from 'lru-cache';
import { ApiError } from '../../contract/api-error.js';
import { assetExtension } from '../../contract/asset-url.js';
import type { BlobStore } from '../../contract/blob-store.js';
import type { MediaStore } from '../../contract/store.js';
import { assetType } from '../asset-type.js';
import { byteRange } from '../byte-range.js';
import { createPlaces, untilAnswered } from '../places.js';
import type { RequestContext, RequestHandler } from '../request-state.js';

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
  const takePlace = createPlaces({
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
