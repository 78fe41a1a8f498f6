import { ApiError } from '../../domain/api-error.js';
import type { ImportLine } from '../../intake/request/envelope.js';
import { MAX_ITEM_MARKS, TOO_MANY_VALUES, isObject } from '../../intake/request/item.js';
import { parseJson } from '../../domain/parse-json.js';
import type { TextLine } from './split-lines.js';

/** A batch whose items are still to be read. */
export interface NdjsonBatch {
  /** The first line. */
  readonly head: Record<string, unknown>;
  readonly headLine: number;
  readonly lines: AsyncIterable<readonly ImportLine[]>;
}

/**
 * Reads newline-delimited JSON: the first line is the batch without its items, every further one an item.
 * @param text without lines of white space
 * @throws ApiError 400 when there is no first line, or none that is a batch
 */
export async function readNdjson(text: AsyncGenerator<readonly TextLine[], undefined>): Promise<NdjsonBatch> {
  for (;;) {
    const next = await text.next();
    if (next.done === true) throw new ApiError(400, { body: 'The first line must be the batch without its items' });
    const [first, ...others] = next.value;
    if (first === undefined) continue;
    return { head: headOf(parsed(first)), headLine: first.line, lines: items(others, text) };
  }
}

function headOf(first: ImportLine): Record<string, unknown> {
  const refusal = (sentence: string) => new ApiError(400, { [`line.${first.line}`]: sentence });
  if ('problem' in first) throw refusal(first.problem);
  if (!isObject(first.item)) throw refusal('Invalid type: expected object');
  if (Object.hasOwn(first.item, 'url'))
    throw refusal('Must be the batch without its items, such as {"systemName":"my-cms"}, and is an item');
  return first.item;
}

async function* items(
  begun: readonly TextLine[],
  rest: AsyncIterable<readonly TextLine[]>,
): AsyncGenerator<readonly ImportLine[], undefined> {
  yield begun.map(parsed);
  for await (const lines of rest) yield lines.map(parsed);
}

/**
 * How often a JSON text has one of `{[,` outside of quotes, which tells how many values it is: before it is parsed, which takes time and
 * many times its memory. Counts no further than `MAX_ITEM_MARKS` and one.
 */
export function countMarks(text: string): number {
  let marks = 0;
  let isInText = false;
  for (let at = 0; at < text.length && marks <= MAX_ITEM_MARKS; at += 1) {
    const character = text[at];
    if (isInText && character === '\\') at += 1;
    else if (character === '"') isInText = !isInText;
    else if (!isInText && (character === ',' || character === '[' || character === '{')) marks += 1;
  }
  return marks;
}

function parsed(read: TextLine): ImportLine {
  if ('problem' in read) return read;
  const { line, bytes, text } = read;
  if (text.length > MAX_ITEM_MARKS && countMarks(text) > MAX_ITEM_MARKS)
    return { line, bytes, problem: TOO_MANY_VALUES };
  try {
    return { line, bytes, item: parseJson(text) };
  } catch {
    // The parser's own words quote the line.
    return { line, bytes, problem: 'Must be valid JSON' };
  }
}
