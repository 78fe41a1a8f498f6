import { isUtf8 } from 'node:buffer';
import type { Hash } from 'node:crypto';
import { ApiError } from '../../domain/api-error.js';
import { parseJson } from '../../domain/parse-json.js';
import { giveWay, type BodyRoom } from '../../intake/body-memory.js';
import { MAX_ITEMS, type PostedItem, type PostedJson } from '../../intake/request/envelope.js';
import { MAX_ITEM_BYTES, MAX_ITEM_MARKS, TOO_MANY_VALUES, isObject } from '../../intake/request/item.js';
import type { RequestContext } from '../context.js';
import { createJsonOutliner, type MarkedSpan, type Span } from './json-outline.js';
import { requestBytes } from './request-bytes.js';

/** The media type of a request's body, in lower case and without parameters; empty when there is none. */
export function mediaTypeOf(ctx: RequestContext): string {
  return ctx.request.type.toLowerCase();
}

/** @throws ApiError 415 that names the types which are taken, when this is none of them or not in UTF-8 */
export function demandUtf8(ctx: RequestContext, isTaken: boolean, types: readonly string[]): void {
  if (isTaken && ['', 'utf-8', 'utf8'].includes(ctx.request.charset.toLowerCase())) return;
  const [first = '', ...others] = types;
  const sentence = ['Must be', [`${first}; charset=utf-8`, ...others].join(' or ')].join(' ');
  throw new ApiError(415, { 'content-type': sentence }, { Accept: types.join(', ') });
}

/** 16 MiB at 0.5 Mbit/s. */
const READ_MS = 300_000;

/** What is kept of a body beside its text: buffers of gzip, the places of a few items, what is wrong with it. */
const FIRST_BYTES = 64 * 1024;
/** A body is copied into blocks: a chunk of one byte would take 300 as an object of its own. */
const BLOCK_BYTES = 16 * 1024;
/** What the place of an item takes: three numbers and their object. */
const BYTES_OF_PLACE = 64;

/**
 * Reads a JSON body of at most `maxBytes` once it is decoded, and finds its items without parsing them. Room is taken as bytes arrive.
 * Beyond the limit the rest is not kept; Node drops it after the answer, so that the client gets to read the 413.
 * @param hash is told the decoded bytes
 * @throws ApiError 415 (type, charset, encoding), 413, 408 (too slow), 400 (not JSON), and what `requestBytes` and `BodyRoom.keep` throw
 */
export async function readJson(ctx: RequestContext, maxBytes: number, room: BodyRoom, hash: Hash): Promise<PostedJson> {
  demandUtf8(ctx, mediaTypeOf(ctx) === 'application/json', ['application/json']);
  const bytes = requestBytes(ctx);
  if (ctx.request.length > maxBytes) throw tooLarge(maxBytes);
  const blocks = createBlocks(room);
  const outliner = createJsonOutliner(MAX_ITEMS);
  let length = 0;
  const until = performance.now() + READ_MS;
  for await (const chunk of bytes) {
    if (performance.now() > until)
      throw new ApiError(408, { body: 'The body took longer than 5 minutes' }, { Connection: 'close' });
    if (length === 0) room.keep(FIRST_BYTES);
    length += chunk.length;
    if (length > maxBytes) throw tooLarge(maxBytes);
    blocks.add(chunk);
    hash.update(chunk);
    outliner.scan(chunk);
    await giveWay();
  }
  const { lists, frame, marks } = outliner.end();
  room.keep(lists.reduce((sum, { elements }) => sum + elements.length, 0) * BYTES_OF_PLACE);
  if (marks > MAX_ITEM_MARKS || frame.reduce((sum, { from, to }) => sum + to - from, 0) > MAX_ITEM_BYTES)
    throw new ApiError(400, { body: 'Is too large beside its items' });
  // A list holds its number, so that it is found under the name that the parser reads.
  const text = frame.map((span, index) => (index === 0 ? '' : `${index - 1}`) + textAt(blocks, span)).join('');
  const value = parse(text.startsWith('\uFEFF') ? text.slice(1) : text);
  const named = takeLists(value);
  return {
    value,
    hasLostList: named.size < lists.length,
    list: (name) => {
      const list = lists[named.get(name) ?? -1];
      return list === undefined
        ? null
        : { length: list.length, parse: (seq) => parseElement(blocks, list.elements[seq]) };
    },
  };
}

/** Leaves empty lists in the place of those that hold a number, and answers which number is under which name. */
function takeLists(value: unknown): Map<string, number> {
  const named = new Map<string, number>();
  if (!isObject(value)) return named;
  for (const name in value) {
    const member = value[name];
    if (!Array.isArray(member)) continue;
    named.set(name, member[0] as number);
    member.length = 0;
  }
  return named;
}

function parseElement(blocks: Blocks, span: MarkedSpan | undefined): PostedItem {
  if (span === undefined) throw new Error('There is no such element');
  const bytes = span.to - span.from;
  if (bytes > MAX_ITEM_BYTES) return { bytes, problem: `Must be at most ${MAX_ITEM_BYTES} bytes` };
  if (span.marks > MAX_ITEM_MARKS) return { bytes, problem: TOO_MANY_VALUES };
  return { bytes, item: parse(textAt(blocks, span)) };
}

interface Blocks {
  add(chunk: Buffer): void;
  slice(span: Span): Buffer;
}

function createBlocks(room: BodyRoom): Blocks {
  const blocks: Buffer[] = [];
  let length = 0;
  return {
    add(chunk) {
      for (let from = 0; from < chunk.length;) {
        const within = length % BLOCK_BYTES;
        if (within === 0) {
          room.keep(BLOCK_BYTES);
          blocks.push(Buffer.allocUnsafeSlow(BLOCK_BYTES));
        }
        const copied = chunk.copy(blocks[blocks.length - 1] ?? Buffer.alloc(0), within, from);
        from += copied;
        length += copied;
      }
    },
    slice({ from, to }) {
      const first = Math.floor(from / BLOCK_BYTES);
      const parts = blocks.slice(first, Math.ceil(to / BLOCK_BYTES));
      const [only] = parts;
      const start = first * BLOCK_BYTES;
      if (parts.length === 1 && only !== undefined) return only.subarray(from - start, to - start);
      return Buffer.concat(parts).subarray(from - start, to - start);
    },
  };
}

function textAt(blocks: Blocks, span: Span): string {
  const bytes = blocks.slice(span);
  if (!isUtf8(bytes)) throw noJson();
  return bytes.toString('utf8');
}

function parse(text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    throw noJson(error);
  }
}

function noJson(cause?: unknown): ApiError {
  // The parser's own words quote the body.
  return new ApiError(400, { body: 'The body is not valid JSON in UTF-8' }, {}, { cause });
}

function tooLarge(maxBytes: number): ApiError {
  return new ApiError(413, {
    body: `The body must be at most ${maxBytes / 1024 ** 2} MiB (${maxBytes} bytes); NDJSON and CSV may be of any size`,
  });
}
