import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { contentType } from 'mime-types';
import { ApiError } from '../domain/api-error.js';
import { errorCode } from '../domain/errors.js';
import type { RequestContext, RequestHandler } from './context.js';

/** One representation of a file of the page. */
interface Representation {
  readonly body: Buffer;
  /** Strong, and different for each encoding (RFC 9110 section 8.8.3.3). */
  readonly etag: string;
}

type Encoding = 'br' | 'gzip' | 'identity';

interface PageFile {
  readonly type: string;
  readonly representations: Partial<Record<Encoding, Representation>>;
}

/** The files of the page by their path below `/ui/`. */
export type Page = ReadonlyMap<string, PageFile>;

/** What the build writes beside a file, and the encoding that it stands for. */
const ENCODED: readonly (readonly [suffix: string, encoding: Encoding])[] = [
  ['.br', 'br'],
  ['.gz', 'gzip'],
];
const INDEX = 'index.html';

/**
 * Reads the built page into memory: some 300 KiB with its compressed forms, so that no request touches the disk.
 * @param folder that `npm run build` writes
 * @returns null when the page was not built
 */
export async function loadPage(folder: string): Promise<Page | null> {
  let names: string[];
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    names = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw error;
  }
  const bodies = new Map<string, Buffer>();
  for (const name of names) bodies.set(relative(folder, name).split(sep).join('/'), await readFile(name));
  const page = new Map<string, PageFile>();
  for (const [path, body] of bodies) {
    if (ENCODED.some(([suffix]) => path.endsWith(suffix))) continue;
    const representations: PageFile['representations'] = { identity: { body, etag: etagOf(body) } };
    for (const [suffix, encoding] of ENCODED) {
      const encoded = bodies.get(`${path}${suffix}`);
      if (encoded !== undefined) representations[encoding] = { body: encoded, etag: etagOf(encoded) };
    }
    page.set(path, { type: contentType(path.split('/').at(-1) ?? '') || 'application/octet-stream', representations });
  }
  return page.has(INDEX) ? page : null;
}

function etagOf(body: Buffer): string {
  return `"${createHash('sha256').update(body).digest('base64url')}"`;
}

/**
 * The page runs its own scripts and styles and talks to this service alone. `blob:` shows what was fetched with a token; nothing is
 * inline, so there is no nonce.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob:",
  "media-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Below it every name has the hash of its content, so it never changes; a year is the longest that caches take. */
const HASHED = 'assets/';
const FOREVER = 'public, max-age=31536000, immutable';

/**
 * `GET /ui/…`: the page for people. Its files need no token; what they show does. Every path that is no file is a place within the
 * page, so it answers the same document.
 * @throws ApiError 404 when the page was not built, or for a hashed file of another build
 */
export function getPage(page: Page | null): RequestHandler {
  return (ctx) => {
    if (ctx.path === '/ui') {
      ctx.redirect('/ui/');
      ctx.status = 308;
      return;
    }
    if (page === null)
      throw new ApiError(404, { url: ctx.path, page: 'The page is not built: run "npm run build", then start again' });
    const path = ctx.path.slice('/ui/'.length);
    const file = page.get(path) ?? (path.startsWith(HASHED) ? undefined : page.get(INDEX));
    if (file === undefined) throw new ApiError(404, { url: ctx.path });
    send(ctx, file, path.startsWith(HASHED));
  };
}

function send(ctx: RequestContext, { type, representations }: PageFile, isHashed: boolean): void {
  // Whichever comes first in the header: every browser takes both, and the first of ours is the smallest.
  const accepted = ctx.acceptsEncodings();
  const [, encoding] =
    ENCODED.find(([, each]) => each in representations && accepted.includes(each)) ?? (['', 'identity'] as const);
  const found = representations[encoding];
  if (found === undefined) throw new Error('A file of the page has no plain form');
  ctx.set('Content-Security-Policy', CONTENT_SECURITY_POLICY);
  ctx.set('Cross-Origin-Opener-Policy', 'same-origin');
  ctx.set('Cross-Origin-Resource-Policy', 'same-origin');
  ctx.set('Cache-Control', isHashed ? FOREVER : 'no-cache');
  ctx.set('Vary', 'Accept-Encoding');
  ctx.set('ETag', found.etag);
  ctx.status = 200;
  if (ctx.fresh) {
    ctx.status = 304;
    return;
  }
  if (encoding !== 'identity') ctx.set('Content-Encoding', encoding);
  ctx.type = type;
  ctx.body = found.body;
}
