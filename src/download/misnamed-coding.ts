import { Readable } from 'node:stream';
import { constants, gunzipSync } from 'node:zlib';
import type { KeptPart } from '../blobs/blob-store.js';
import type { EgressResponse } from '../egress/egress.js';
import { parseContentType, headerText } from './http-headers.js';

/** Words for "none", and what belongs into Content-Transfer-Encoding (RFC 2045): in the wild under Content-Encoding, too. */
const NO_CODINGS: ReadonlySet<string> = new Set([
  'identity',
  'none',
  'null',
  'nil',
  'no',
  'off',
  'false',
  'raw',
  'plain',
  'text',
  'default',
  'undefined',
  'binary',
  '7bit',
  '8bit',
]);

/** Types that name the very coding: the file is compressed, and the server calls that its encoding, as Apache's AddEncoding does. */
const OWN_TYPES: readonly (readonly [coding: RegExp, type: RegExp])[] = [
  [
    /^(?:x-)?gzip$/,
    /^(?:application|multipart)\/(?:(?:x-)?(?:gzip|gunzip|gzipped|tgz|tar-?gz|compressed|compressed-tar|gtar-compressed)|gzip-compressed|.+\+gzip)$/,
  ],
  [/^br$/, /^application\/(?:x-)?(?:br|brotli)$/],
  [/^deflate$/, /^application\/(?:x-)?(?:zlib|deflate)$/],
  [/^(?:x-)?compress$/, /^application\/(?:x-)?compress(?:ed)?$/],
  [/^zstd$/, /^application\/(?:x-)?zstd$/],
];

/** Types under which only the name in the URL tells that the file is compressed: none, no information, or what is inside. */
const SAYS_NOTHING = /^(?:application|binary)\/(?:octet-stream|(?:x-)?g?tar)$/;
const GZIPPED_NAME = /\.(?:gz|tgz)$/i;

/** Enough to see a chunk's header, or the first bytes inside of a gzip; at most about 1 MiB when unpacked. */
const PEEK_BYTES = 1024;

/**
 * Takes a Content-Encoding away that does not mean that the body is encoded, so that the bytes are stored as they come: words
 * that name no coding, the coding that the file itself has (`.tar.gz` as application/gzip), and what an upload to S3 has left
 * behind on the object (aws-chunked, base64). Where headers do not tell, the first bytes of the body do.
 * @param url as posted
 * @param part what the body goes behind: its first bytes were stored as they came, so these are, too
 */
export async function withoutMisnamedCoding(
  answer: EgressResponse,
  url: string,
  part?: Pick<KeptPart, 'contentType'>,
): Promise<EgressResponse> {
  const header = headerText(answer.headers, 'content-encoding');
  if (header === undefined) return answer;
  const layers = header
    .split(',')
    .map((layer) => layer.trim().toLowerCase())
    .filter((layer) => layer !== '' && !namesNoCoding(layer));
  const [doubtful] = layers;
  if (doubtful === undefined) return encodedAs([], answer);

  const type = parseContentType(headerText(answer.headers, 'content-type')) ?? part?.contentType;
  const contradicts = evidenceAgainst(doubtful, layers.length, type, url);
  if (contradicts === undefined) return encodedAs(layers, answer);
  if (part !== undefined) return encodedAs(layers.slice(1), answer);
  const { head, body } = await peek(answer.body);
  return encodedAs(contradicts(head) ? layers.slice(1) : layers, { ...answer, body });
}

/** How the first bytes tell that the outermost layer is none; undefined when there is no reason to doubt it. */
function evidenceAgainst(
  layer: string,
  layers: number,
  type: string | undefined,
  url: string,
): ((head: Buffer) => boolean) | undefined {
  if (layer === 'aws-chunked') return (head) => !beginsWithChunk(head);
  if (layer === 'base64') return (head) => !/^[A-Za-z0-9+/=\s_-]*$/.test(head.toString('latin1'));
  if (layers !== 1) return undefined;
  if (type !== undefined && OWN_TYPES.some(([coding, own]) => coding.test(layer) && own.test(type))) {
    return (head) => !isGzipOfGzip(head);
  }
  const isGzippedFile =
    /^(?:x-)?gzip$/.test(layer) &&
    (type === undefined || SAYS_NOTHING.test(type)) &&
    GZIPPED_NAME.test(new URL(url).pathname);
  return isGzippedFile ? (head) => !isGzipOfGzip(head) : undefined;
}

/** A word without a meaning here, a media type, or a character set, which is what the name makes people think of. */
function namesNoCoding(layer: string): boolean {
  if (NO_CODINGS.has(layer) || layer.includes('/')) return true;
  try {
    return new TextDecoder(layer).encoding !== '';
  } catch {
    return false;
  }
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html: a size in hex, perhaps signed, then that many bytes. */
function beginsWithChunk(head: Buffer): boolean {
  const [header, size = ''] =
    /^([0-9a-f]{1,16})(?:;chunk-signature=[0-9a-f]+)?\r\n/i.exec(head.toString('latin1')) ?? [];
  if (header === undefined) return false;
  const end = head
    .subarray(header.length + Number.parseInt(size, 16))
    .subarray(0, 2)
    .toString('latin1');
  return '\r\n'.startsWith(end);
}

/** Whether a gzip lies around another one: then the server has encoded the compressed file, and one layer has to be undone. */
function isGzipOfGzip(head: Buffer): boolean {
  try {
    const inner = gunzipSync(head, { finishFlush: constants.Z_SYNC_FLUSH });
    return inner[0] === 0x1f && inner[1] === 0x8b;
  } catch {
    return false;
  }
}

function encodedAs(layers: readonly string[], answer: EgressResponse): EgressResponse {
  const { 'content-encoding': _, ...headers } = answer.headers;
  return { ...answer, headers: layers.length === 0 ? headers : { ...headers, 'content-encoding': layers.join(', ') } };
}

/** Reads the beginning of a body. A failure meanwhile belongs to the body that is answered. */
async function peek(body: Readable): Promise<{ head: Buffer; body: Readable }> {
  const chunks = body[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>;
  const read: Buffer[] = [];
  let bytes = 0;
  let failure: { readonly error: unknown } | undefined;
  while (bytes < PEEK_BYTES && failure === undefined) {
    const next = await chunks.next().catch((error: unknown) => void (failure = { error }));
    if (next === undefined || next.done === true) break;
    read.push(next.value);
    bytes += next.value.byteLength;
  }

  async function* again(): AsyncGenerator<Buffer, void, undefined> {
    yield* read;
    if (failure !== undefined) throw failure.error;
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value;
  }
  const whole = Readable.from(again(), { objectMode: false });
  // Readers get the error from their iterator; without a reader it must not end the process.
  whole.on('error', () => undefined);
  return { head: Buffer.concat(read), body: whole };
}
