import { supportedMimeTypes } from 'file-type';
import { lookup } from 'mime-types';
import type { Kind } from '../contract/kinds.js';
import type { MediaType } from '../contract/media-type.js';
import { canonicalType } from './canonical-type.js';
import type { Sniffed } from './sniff-type.js';
import { takesType } from './takes-type.js';

export type TypeDecision = { readonly mimeType: string } | { readonly refused: string };

/** Types that say nothing: defaults of servers and of S3, and the ways to ask a browser for a download. */
const UNINFORMATIVE = new Set([
  'application/octet-stream',
  'binary/octet-stream',
  'application/binary',
  'application/download',
  'application/force-download',
  'application/x-download',
  'application/unknown',
  'unknown/unknown',
  '*/*',
]);

/** Bytes of these types are always recognised, so a header that claims one over unrecognised bytes is wrong. */
const RECOGNISABLE = new Set([...[...supportedMimeTypes].map(canonicalType), 'image/svg+xml', 'text/html']);

/** Containers whose magic number says less than an honest header does. */
const CONTAINERS: Readonly<Record<string, RegExp>> = {
  'application/zip': /^application\/(?:vnd\..+|java-archive|.+\+zip)$/,
  'application/x-cfb': /^application\/(?:msword|vnd\.ms-.+|vnd\.visio|x-msi)$/,
  'application/ogg': /^(?:audio|video)\/ogg$/,
  'application/xml': /^(?:application\/.+\+xml|text\/(?!html$).+)$/,
  'text/html': /^(?:application\/xhtml\+xml|text\/.+)$/,
};

const NOUNS: Readonly<Record<Kind, string>> = { video: 'a video', image: 'an image', file: 'the announced type' };

/**
 * Settles the type of a body. Known bytes win over any header; without them the header must agree and, for videos and images, be
 * named by the media type itself; a file of no known type is text or bytes.
 * @param header type and subtype of the Content-Type header
 * @param url as the client gave it; its extension tells a page that stands in for a file
 * @returns the canonical type to store, or a sentence that says why the media type does not take the body
 */
export function decideType(
  header: string | undefined,
  sniffed: Sniffed,
  mediaType: MediaType,
  url: string,
): TypeDecision {
  const canonical = header === undefined ? undefined : canonicalType(header);
  const announced = canonical === undefined || UNINFORMATIVE.has(canonical) ? undefined : canonical;
  if (sniffed.type === 'text/html' && contradictsHtml(announced, mediaType.kind, url))
    return { refused: htmlPage(mediaType.kind) };
  const type =
    sniffed.type === undefined ? withoutMagic(announced, sniffed.text, mediaType) : refine(sniffed.type, announced);
  if (type === undefined) return { refused: unknownType(sniffed.text, mediaType) };
  if (takesType(mediaType, type)) return { mimeType: type };
  if (sniffed.type === 'text/html') return { refused: htmlPage(mediaType.kind) };
  return {
    refused: `The body is ${shown(type, announced, sniffed)}, which the media type ${mediaType.handle} does not take`,
  };
}

/**
 * Even where HTML files are welcome, one that is announced as something else, or that answers for a URL such as `report.pdf`, is a
 * login or error page.
 */
function contradictsHtml(announced: string | undefined, kind: Kind, url: string): boolean {
  if (kind !== 'file' || (announced !== undefined && !/^text\/|xml$/.test(announced))) return true;
  const promised = lookup(new URL(url).pathname);
  return promised !== false && promised !== 'text/html' && RECOGNISABLE.has(canonicalType(promised));
}

function refine(magic: string, announced: string | undefined): string {
  return announced !== undefined && CONTAINERS[magic]?.test(announced) === true ? announced : magic;
}

function withoutMagic(announced: string | undefined, text: boolean, mediaType: MediaType): string | undefined {
  const mistaken = announced !== undefined && RECOGNISABLE.has(announced);
  if (mediaType.kind === 'file') {
    if (announced !== undefined && !(text && mistaken && !announced.startsWith('text/'))) return announced;
    return text ? 'text/plain' : 'application/octet-stream';
  }
  const named = mediaType.allowedMimeTypes.some((type) => canonicalType(type) === announced);
  return named && !mistaken && !text ? announced : undefined;
}

function htmlPage(kind: Kind): string {
  return `The body looks like an HTML page, such as a login or error page, not like ${NOUNS[kind]}`;
}

function unknownType(text: boolean, { kind, handle }: MediaType): string {
  if (text) return `The body is text, not ${NOUNS[kind]}`;
  return `The bytes are of no known type, and the media type ${handle} does not name the announced one`;
}

/** What a source claims is not repeated in a sentence: only types that were recognised are. */
function shown(type: string, announced: string | undefined, sniffed: Sniffed): string {
  if (sniffed.type !== undefined) return sniffed.type;
  return type === announced ? 'of the announced type' : type;
}
