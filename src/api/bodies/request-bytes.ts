import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { ApiError } from '../../domain/api-error.js';
import { liftDeadline, setDeadline } from '../connections.js';
import type { RequestContext } from '../context.js';

/** What a source may send is unpacked to the same limit (src/download/decode-body.ts); lines of a batch come to 5 to 20. */
const MAX_RATIO = 100;
/** A short text may be as repetitive as it likes. As much as is read of a socket at a time costs nothing that matters. */
const RATIO_FROM_BYTES = 64 * 1024;

/** What a body must have brought each time that its reader has waited for it for a minute: 1 KiB/s, a modem of 1988. */
export const WAIT_MS = 60_000;
const WAIT_BYTES = 64 * 1024;

/**
 * The decoded bytes of a body, read as fast as they are asked for, for as long as they keep coming. The socket stays open when
 * reading ends early, so that the answer can be sent.
 * @throws ApiError 415 (encoding); while reading 400 (broken off, no gzip), 408 (too slow), 413 (a decompression bomb)
 */
export function requestBytes(ctx: RequestContext): AsyncIterable<Buffer> {
  const encoding = ctx.get('content-encoding').trim().toLowerCase();
  const isGzip = encoding === 'gzip' || encoding === 'x-gzip';
  if (!isGzip && encoding !== '' && encoding !== 'identity')
    throw new ApiError(
      415,
      { 'content-encoding': 'Must be gzip, identity or absent' },
      { 'Accept-Encoding': 'gzip, identity' },
    );
  const bytes = received(ctx.req);
  return isGzip ? unzipped(bytes) : bytes;
}

async function* received(request: IncomingMessage): AsyncGenerator<Buffer, undefined> {
  // The stream must outlive the loop: destroying it would close the socket before the answer is written.
  const chunks = request.iterator({ destroyOnReturn: false }) as AsyncIterableIterator<Buffer>;
  let [waitedMs, bytes] = [0, 0];
  liftDeadline(request);
  try {
    for (;;) {
      const askedAt = performance.now();
      const next = await chunks.next();
      if (next.done === true) return;
      waitedMs += performance.now() - askedAt;
      bytes += next.value.length;
      if (waitedMs > WAIT_MS) {
        if (bytes < WAIT_BYTES) throw new ApiError(408, { body: 'The body came too slowly' }, { Connection: 'close' });
        [waitedMs, bytes] = [0, 0];
      }
      yield next.value;
    }
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new ApiError(400, { body: 'The body ended early' }, {}, { cause: error });
  } finally {
    await chunks.return?.();
    setDeadline(request);
  }
}

async function* unzipped(packed: AsyncIterable<Buffer>): AsyncGenerator<Buffer, undefined> {
  const gunzip = createGunzip();
  let [bytesIn, bytesOut] = [0, 0];
  const counted = async function* () {
    for await (const chunk of packed) {
      bytesIn += chunk.length;
      yield chunk;
    }
  };
  // Its failure comes out of the loop below as well.
  pipeline(Readable.from(counted()), gunzip).catch(() => undefined);
  try {
    for await (const chunk of gunzip as AsyncIterable<Buffer>) {
      bytesOut += chunk.length;
      if (bytesOut > RATIO_FROM_BYTES && bytesOut > bytesIn * MAX_RATIO)
        throw new ApiError(413, { body: `The body must not unpack to more than ${MAX_RATIO} times its size` });
      yield chunk;
    }
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new ApiError(400, { body: 'The body is not valid gzip' }, {}, { cause: error });
  }
}
