import { supportedMimeTypes } from 'file-type';
import { lookup } from 'mime-types';
import type { Kind } from '../../domain/import.js';
import type { MediaType } from '../../domain/media.js';
import { canonicalType, isOfKind, takesType } from './canonical-type.js';
import type { Sniffed } from './sniff.js';

export type TypeDecision =
  { readonly mimeType: string } | { readonly refused: string; readonly code: 'type_mismatch' | 'type_not_allowed' };

/** What the client called a file. */
export interface Names {
  readonly url: string;
  readonly fileName?: string | undefined;
}

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

const XML = /^application\/(?:.+\+)?xml$/;
/** Plain text is what servers say of names that they do not know. */
const CERTAIN_TEXT = /^text\/(?!plain$)/;

/** Names of files that are no HTML page, beyond those whose types are recognisable. Scripts of servers answer with pages. */
const NO_PAGE =
  /^(?:image|audio|video|font|model)\/|^text\/(?:csv|tab-separated-values)$|^application\/(?:json|msword|vnd\..+|epub\+zip)$/;

const NOUNS: Readonly<Record<Kind, string>> = { video: 'a video', image: 'an image', file: 'the announced type' };

/**
 * Settles the type of a body. Known bytes win over any header; an honest header decides between two types that the bytes may be;
 * without known bytes the header must agree and, for videos and images, be named by the media type itself; a file of no known
 * type is text or bytes.
 * @param header type and subtype of the Content-Type header
 * @param names as the client gave them; their extensions tell a page that stands in for a file
 * @returns the canonical type to store, or a sentence that says why the media type does not take the body
 */
export function decideType(
  header: string | undefined,
  sniffed: Sniffed,
  mediaType: MediaType,
  names: Names,
): TypeDecision {
  const canonical = header === undefined ? undefined : canonicalType(header);
  const announced = canonical === undefined || UNINFORMATIVE.has(canonical) ? undefined : canonical;
  const isXml = sniffed.xml === true && announced !== undefined && XML.test(announced) && mediaType.kind === 'file';
  const isPage = sniffed.type === 'text/html' && !isXml;
  const contradiction = isPage ? contradictsHtml(announced, mediaType.kind, names) : undefined;
  if (contradiction !== undefined) return mismatch(htmlPage(contradiction));

  const type = isXml ? announced : typeOf(announced, sniffed, mediaType);
  if (type === undefined) return mismatch(unknownType(announced, sniffed.text, mediaType));
  if (takesType(mediaType, type)) return { mimeType: type };
  if (isPage) return mismatch(htmlPage(NOUNS[mediaType.kind]));
  const refused = `The body is ${shown(type, announced, sniffed)}, which the media type ${mediaType.handle} does not take`;
  return isConfigurable(type, announced, mediaType) ? { refused, code: 'type_not_allowed' } : mismatch(refused);
}

/**
 * Whether the configuration is what an operator would change to have a type taken. It is not where a file is another one than the
 * source promises, or a text of which the source says nothing: an error message, most likely.
 */
function isConfigurable(type: string, announced: string | undefined, mediaType: MediaType): boolean {
  if (mediaType.kind !== 'file') return isOfKind(mediaType.kind, type);
  return announced === undefined ? type !== 'text/plain' : type === announced || !takesType(mediaType, announced);
}

function mismatch(refused: string): TypeDecision {
  return { refused, code: 'type_mismatch' };
}

/**
 * Even where HTML files are welcome, one that is announced as something else, or that stands for a file such as `report.pdf` by the
 * name in its URL or by the one that the client gave it, is a login or error page.
 * @returns what it should have looked like
 */
function contradictsHtml(announced: string | undefined, kind: Kind, { url, fileName }: Names): string | undefined {
  if (kind !== 'file' || (announced !== undefined && !/^text\/|xml$/.test(announced))) return NOUNS[kind];
  const promised = [new URL(url).pathname, fileName ?? ''].map((name) => canonicalType(lookup(name) || 'text/html'));
  const isOther = promised.some((type) => type !== 'text/html' && (RECOGNISABLE.has(type) || NO_PAGE.test(type)));
  return isOther ? 'what its name promises' : undefined;
}

function typeOf(announced: string | undefined, sniffed: Sniffed, mediaType: MediaType): string | undefined {
  const { type, text, isUnsure = false } = sniffed;
  if (type === undefined) return withoutMagic(announced, text, mediaType);
  if (announced === undefined || announced === type) return type;
  if (CONTAINERS[type]?.test(announced) === true) return announced;
  return isUnsure && isOtherReading(type, announced, text) ? announced : type;
}

/** Whether an honest header may call the same bytes by this name: `audio/mp4` those of `video/mp4`, `text/csv` those of any text. */
function isOtherReading(type: string, announced: string, text: boolean): boolean {
  if (text) return CERTAIN_TEXT.test(announced);
  const [family, subtype] = announced.split('/');
  if (family !== 'audio' && family !== 'video') return false;
  return subtype === type.split('/')[1] || (type === 'audio/mpeg' && family === 'audio');
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

function htmlPage(promised: string): string {
  return `The body looks like an HTML page, such as a login or error page, not like ${promised}`;
}

function unknownType(announced: string | undefined, text: boolean, { kind, handle }: MediaType): string {
  if (text) return `The body is text, not ${NOUNS[kind]}`;
  if (announced === undefined) return 'The bytes are of no known type, and the source announces none';
  if (RECOGNISABLE.has(announced)) return 'The bytes are not those of the announced type, and of no known type';
  return `The bytes are of no known type, and the media type ${handle} does not name the announced one`;
}

/** What a source claims is not repeated in a sentence: only types that were recognised are. */
function shown(type: string, announced: string | undefined, sniffed: Sniffed): string {
  if (sniffed.type !== undefined && sniffed.type === type) return type;
  return type === announced ? 'of the announced type' : type;
}
