import type { IncomingMessage } from 'node:http';
import { ApiError } from '../contract/api-error.js';
import type { RequestContext } from './request-state.js';

export interface JsonBody {
  readonly value: unknown;
  /** The bytes as they came, for hashing. */
  readonly raw: Buffer;
}

/**
 * Reads a JSON body of at most `maxBytes`. Beyond that the rest is not kept; Node drops it after the answer, so that the
 * client gets to read the 413.
 * @throws ApiError 415 (type, charset, encoding), 413, 400 (not JSON)
 */
export async function readJson(ctx: RequestContext, maxBytes: number): Promise<JsonBody> {
  demandJson(ctx);
  if (ctx.request.length > maxBytes) throw tooLarge(maxBytes);
  const raw = await readBytes(ctx.req, maxBytes);
  return { raw, value: parse(raw) };
}

function demandJson(ctx: RequestContext): void {
  const encoding = ctx.get('content-encoding').trim().toLowerCase();
  if (encoding !== '' && encoding !== 'identity')
    throw new ApiError(415, { 'content-encoding': 'Must be absent or identity' }, { 'Accept-Encoding': 'identity' });
  const charset = ctx.request.charset.toLowerCase();
  if (ctx.request.type.toLowerCase() !== 'application/json' || !['', 'utf-8', 'utf8'].includes(charset))
    throw new ApiError(
      415,
      { 'content-type': 'Must be application/json; charset=utf-8' },
      { Accept: 'application/json' },
    );
}

async function readBytes(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    // The stream must outlive the loop: destroying it would close the socket before the answer is written.
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      length += (chunk as Buffer).length;
      if (length > maxBytes) throw tooLarge(maxBytes);
      chunks.push(chunk as Buffer);
    }
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new ApiError(400, { body: 'The body ended early' }, {}, { cause: error });
  }
  return Buffer.concat(chunks, length);
}

function parse(raw: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(raw));
  } catch (error) {
    // The parser's own words quote the body.
    throw new ApiError(400, { body: 'The body is not valid JSON in UTF-8' }, {}, { cause: error });
  }
}

function tooLarge(maxBytes: number): ApiError {
  return new ApiError(413, { body: `The body must be at most ${maxBytes} bytes` });
}
