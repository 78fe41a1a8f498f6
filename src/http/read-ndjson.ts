import type { ImportLine } from '../contract/import-line.js';
import { createProblems } from '../contract/problems.js';
import { isObject } from '../contract/json-shape.js';
import type { TextLine } from './split-lines.js';

/** A batch whose items are still to be read. */
export interface NdjsonBatch {
  /** The first line. */
  readonly head: Record<string, unknown>;
  readonly headLine: number;
  readonly lines: AsyncIterable<ImportLine>;
}

/**
 * Reads newline-delimited JSON: the first line is the batch without its items, every further one an item. Empty lines count but
 * hold nothing.
 * @throws ApiError 400 when there is no first line, or none that is a batch
 */
export async function readNdjson(lines: AsyncGenerator<TextLine, undefined>): Promise<NdjsonBatch> {
  const problems = createProblems();
  for (;;) {
    const next = await lines.next();
    if (next.done === true) {
      problems.add(['body'], 'The first line must be the batch without its items');
      throw problems.asError();
    }
    if (isEmpty(next.value)) continue;
    const { line } = next.value;
    const read = parsed(next.value);
    if ('problem' in read) problems.add(['line', line], read.problem);
    else if (isObject(read.item)) {
      if (!Object.hasOwn(read.item, 'url')) return { head: read.item, headLine: line, lines: items(lines) };
      problems.add(['line', line], 'Must be the batch without its items, such as {"systemName":"my-cms"}, and is an item');
    } else problems.add(['line', line], 'Invalid type: expected object');
    throw problems.asError();
  }
}

async function* items(lines: AsyncIterable<TextLine>): AsyncGenerator<ImportLine, undefined> {
  for await (const line of lines) if (!isEmpty(line)) yield parsed(line);
}

function isEmpty(line: TextLine): boolean {
  return 'text' in line && line.text.trim() === '';
}

function parsed(read: TextLine): ImportLine {
  if ('problem' in read) return read;
  const { line, bytes, text } = read;
  try {
    return { line, bytes, item: JSON.parse(text) as unknown };
  } catch {
    // The parser's own words quote the line.
    return { line, bytes, problem: 'Must be valid JSON' };
  }
}
