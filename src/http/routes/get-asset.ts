import { ApiError } from '../../contract/api-error.js';
import type { BlobStore } from '../../contract/blob-store.js';
import { assetType } from '../asset-type.js';
import { byteRange } from '../byte-range.js';
import type { RequestContext, RequestHandler } from '../request-state.js';

const ASSET_PATH = /^\/assets\/([0-9a-f]{64})\.([a-z0-9]{1,10})$/;
/** Named by its content, so it can never change; a year is the longest that caches take (RFC 9111 section 1.2.2 readers). */
const CACHE_CONTROL = 'public, max-age=31536000, immutable';

/**
 * `GET /assets/<sha256>.<ext>`: stored bytes, for whoever knows their hash. One byte range, strong ETag and conditional
 * requests as in RFC 9110 sections 13 and 14.
 */
export function getAsset(blobs: Pick<BlobStore, 'stat' | 'read'>): RequestHandler {
  return async (ctx) => {
    const [, sha256, extension] = ASSET_PATH.exec(ctx.path) ?? [];
    if (sha256 === undefined || extension === undefined) throw new ApiError(404, { url: ctx.path });
    const stat = await blobs.stat(sha256);
    if (stat === null) throw new ApiError(404, { url: ctx.path });

    const etag = `"${sha256}"`;
    if (matches(ctx.get('if-none-match'), etag)) {
      describe(ctx, etag);
      ctx.status = 304;
      return;
    }
    const range = wantedRange(ctx, etag, stat.bytes);
    if (range === 'unsatisfiable') throw unsatisfiable(stat.bytes);
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
  const { contentType, isInline } = assetType(extension);
  describe(ctx, etag);
  ctx.set('Content-Disposition', isInline ? 'inline' : `attachment; filename="${sha256}.${extension}"`);
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
