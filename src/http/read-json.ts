import { ApiError } from '../contract/api-error.js';
import { parseJson } from '../contract/parse-json.js';
import { demandUtf8, mediaTypeOf } from './content-type.js';
import { requestBytes } from './request-bytes.js';
import type { RequestContext } from './request-state.js';

/** 16 MiB at 0.5 Mbit/s. A slow body takes its room from others all that time (`createBodyMemory`); a stream of lines does not. */
const READ_MS = 300_000;

export interface JsonBody {
  readonly value: unknown;
  /** The decoded bytes, for hashing. */
  readonly raw: Buffer;
}

/**
 * Reads a JSON body of at most `maxBytes` once it is decoded. Beyond that the rest is not kept; Node drops it after the answer, so
 * that the client gets to read the 413.
 * @throws ApiError 415 (type, charset, encoding), 413, 408 (too slow), 400 (not JSON), and what `requestBytes` throws
 */
export async function readJson(ctx: RequestContext, maxBytes: number): Promise<JsonBody> {
  demandUtf8(ctx, mediaTypeOf(ctx) === 'application/json', ['application/json']);
  const bytes = requestBytes(ctx);
  if (ctx.request.length > maxBytes) throw tooLarge(maxBytes);
  const chunks: Buffer[] = [];
  let length = 0;
  const until = performance.now() + READ_MS;
  for await (const chunk of bytes) {
    if (performance.now() > until)
      throw new ApiError(408, { body: 'The body took longer than 5 minutes' }, { Connection: 'close' });
    length += chunk.length;
    if (length > maxBytes) throw tooLarge(maxBytes);
    chunks.push(chunk);
  }
  const raw = Buffer.concat(chunks, length);
  return { raw, value: parse(raw) };
}

function parse(raw: Buffer): unknown {
  try {
    return parseJson(new TextDecoder('utf-8', { fatal: true }).decode(raw));
  } catch (error) {
    // The parser's own words quote the body.
    throw new ApiError(400, { body: 'The body is not valid JSON in UTF-8' }, {}, { cause: error });
  }
}

function tooLarge(maxBytes: number): ApiError {
  return new ApiError(413, {
    body: `The body must be at most ${maxBytes / 1024 ** 2} MiB (${maxBytes} bytes); NDJSON and CSV may be of any size`,
  });
}
