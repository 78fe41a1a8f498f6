import { pipeline, Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from 'node:zlib';
import { errorCode, ImportError } from '../domain/errors.js';

export type Encoding = 'identity' | 'gzip' | 'deflate' | 'br';

/** No media compresses this well; a body that does is made to fill a disk. */
const MAX_RATIO = 100;

/**
 * Decoded bytes from which the ratio counts. Tables, logs and drawings that repeat themselves do compress beyond 100:1 while they
 * are small. Up to 8 MiB, which a sweep takes of any source, an encoded body costs no more than a plain one would.
 */
const RATIO_FROM_BYTES = 8 * 1024 * 1024;

/**
 * Reads a Content-Encoding header (RFC 9110 section 8.4). We ask for identity, so whatever a source sends is unasked.
 * @throws ImportError unsupported_encoding for an unknown coding or more than one layer
 */
export function parseEncoding(header: string | undefined): Encoding {
  const layers = (header ?? '')
    .split(',')
    .map((layer) => layer.trim().toLowerCase())
    .filter((layer) => layer !== '' && layer !== 'identity');
  const [layer, second] = layers;
  if (layer === undefined) return 'identity';
  if (second === undefined) {
    if (layer === 'gzip' || layer === 'x-gzip') return 'gzip';
    if (layer === 'deflate' || layer === 'br') return layer;
  }
  throw refuse('The body has a content encoding other than one layer of gzip, deflate or br', 'headers');
}

/**
 * Undoes one layer of content encoding.
 * @throws ImportError unsupported_encoding when the layer is broken, or expands beyond 100:1 and 8 MiB; truncated when it ends early;
 * whatever the wire throws
 */
export async function* decodeBody(
  wire: AsyncGenerator<Buffer, void, undefined>,
  encoding: Exclude<Encoding, 'identity'>,
): AsyncGenerator<Buffer, void, undefined> {
  let received = 0;
  let decoded = 0;
  let wireError: unknown;
  const first = await wire.next();
  if (first.done === true) return;

  /** Only what the wire throws is its error: the pipeline throws that of the decoder in here, too. */
  async function* counted(start: Buffer): AsyncGenerator<Buffer, void, undefined> {
    received = start.byteLength;
    yield start;
    for (;;) {
      const next = await wire.next().catch((error: unknown) => {
        wireError = error;
        throw error;
      });
      if (next.done === true) return;
      received += next.value.byteLength;
      yield next.value;
    }
  }

  const decoder = decoderFor(encoding, first.value);
  // Errors reach us through the decoder; the callback keeps them from becoming uncaught.
  pipeline(Readable.from(counted(first.value), { objectMode: false }), decoder, () => undefined);
  try {
    for await (const chunk of decoder as AsyncIterable<Buffer>) {
      decoded += chunk.byteLength;
      if (decoded > Math.max(received * MAX_RATIO, RATIO_FROM_BYTES)) throw bomb();
      yield chunk;
    }
  } catch (error) {
    throw wireError ?? decodeError(error);
  }
}

function decoderFor(encoding: Exclude<Encoding, 'identity'>, first: Buffer) {
  if (encoding === 'gzip') return createGunzip();
  if (encoding === 'br') return createBrotliDecompress();
  // RFC 9110 section 8.4.1.2: "deflate" is the zlib format, but some servers send the raw stream. CM = 8 marks zlib.
  return ((first[0] ?? 0) & 0x0f) === 8 ? createInflate() : createInflateRaw();
}

/** Told by the code alone: errors of zlib need not be of this realm's Error. */
function decodeError(error: unknown): unknown {
  const code = errorCode(error);
  if (typeof code !== 'string' || error instanceof ImportError) return error;
  if (code === 'Z_BUF_ERROR') return new ImportError('truncated', 'The encoded body ended early', { stage: 'body' });
  return refuse('The content encoding of the body is broken', 'body');
}

function bomb(): ImportError {
  return refuse(`The body expands beyond ${MAX_RATIO} times its encoded size, the limit`, 'body');
}

function refuse(sentence: string, stage: 'headers' | 'body'): ImportError {
  return new ImportError('unsupported_encoding', sentence, { stage });
}
