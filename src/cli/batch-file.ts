import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { parseJson } from '../domain/parse-json.js';
import { numberProblem } from '../domain/text.js';
import { escapeControls } from '../telemetry/logger.js';

/** What belongs to the batch and not to an item, as the command line gives it. */
export interface BatchFields {
  readonly systemName?: string;
  readonly webhook?: string;
  readonly context?: Record<string, unknown>;
  readonly priority?: number;
}

/** A batch as it is posted. */
export interface PostBody {
  /** Content-Type. */
  readonly type: string;
  /** Empty, or with its question mark. */
  readonly query: string;
  /** Text at once, or bytes as they are asked for. */
  readonly body: string | AsyncIterable<Uint8Array>;
}

const LF = 0x0a;
/** The API takes no longer lines; without a line break the file is not what it says it is, and the API says so. */
const MAX_FIRST_LINE = 4 * 1024 * 1024;

type Open = () => AsyncIterable<Buffer>;

/** CSV as it is; what belongs to the batch goes into the query. */
function csvBody(open: Open, { systemName, webhook, context, priority }: BatchFields): PostBody {
  const query = new URLSearchParams();
  if (systemName !== undefined) query.set('systemName', systemName);
  if (webhook !== undefined) query.set('webhook', webhook);
  if (context !== undefined) query.set('context', JSON.stringify(context));
  if (priority !== undefined) query.set('priority', String(priority));
  return { type: 'text/csv; charset=utf-8', query: query.size === 0 ? '' : `?${query.toString()}`, body: open() };
}

/** NDJSON as it is, apart from its first line when fields stand above it. */
function ndjsonBody(open: Open, fields: BatchFields): PostBody {
  const body = Object.keys(fields).length === 0 ? open() : withFields(open(), fields);
  return { type: 'application/x-ndjson; charset=utf-8', query: '', body };
}

async function* withFields(chunks: AsyncIterable<Buffer>, fields: BatchFields): AsyncGenerator<Buffer, undefined> {
  let begin: Buffer | null = Buffer.alloc(0);
  for await (const chunk of chunks) {
    if (begin === null) {
      yield chunk;
      continue;
    }
    begin = Buffer.concat([begin, chunk]);
    const end = endOfFirstLine(begin);
    if (end === -1 && begin.length < MAX_FIRST_LINE) continue;
    yield replaced(begin, end === -1 ? begin.length : end, fields);
    begin = null;
  }
  if (begin !== null) yield replaced(begin, begin.length, fields);
}

/** Where the first line ends that is not empty; -1 when there is none yet. */
function endOfFirstLine(bytes: Buffer): number {
  for (let from = 0, end = bytes.indexOf(LF); end !== -1; from = end + 1, end = bytes.indexOf(LF, from))
    if (bytes.toString('utf8', from, end).trim() !== '') return end;
  return -1;
}

function replaced(bytes: Buffer, end: number, fields: BatchFields): Buffer {
  const line = bytes.toString('utf8', 0, end).replace(/^\uFEFF/, '');
  try {
    const batch = parseJson(line);
    if (typeof batch !== 'object' || batch === null || Array.isArray(batch)) return bytes;
    // The lines of the file keep their numbers.
    const before = '\n'.repeat(line.split('\n').length - 1);
    return Buffer.concat([Buffer.from(before + JSON.stringify({ ...batch, ...fields })), bytes.subarray(end)]);
  } catch {
    // The API tells what is wrong with it, an integer beyond 2^53 included, which cannot be written out again.
    return bytes;
  }
}

/** More is refused by the API anyway, and would be read into memory first. Files of lines have no limit. */
const MAX_JSON_BYTES = 64 * 1024 * 1024;

/**
 * What to post of a .json file (the body of the POST), an .ndjson file (first line the batch without its items, then one item
 * a line) or a .csv file (columns url, id, fileName, mediaType, metadata.*). Files of lines are read while they are sent.
 * @param fields stand above what the file says
 * @throws Error that names the file
 */
export async function readBatchFile(file: string, fields: BatchFields): Promise<PostBody> {
  const bytes = await sizeOf(file);
  switch (extname(file).toLowerCase()) {
    case '.json':
      if (bytes > MAX_JSON_BYTES) throw new Error(`${file} has more than ${MAX_JSON_BYTES / 1024 ** 2} MiB`);
      return jsonBody(file, await readFile(file, 'utf8'), fields);
    case '.ndjson':
    case '.jsonl':
      return ndjsonBody(() => createReadStream(file), fields);
    case '.csv':
      return csvBody(() => createReadStream(file), fields);
    default:
      throw new Error(`${file}: must end in .json, .ndjson or .csv`);
  }
}

async function sizeOf(file: string): Promise<number> {
  try {
    const found = await stat(file);
    if (found.isFile()) return found.size;
  } catch (cause) {
    throw new Error(`${file} cannot be read`, { cause });
  }
  throw new Error(`${file} cannot be read: it is no file`);
}

function jsonBody(file: string, text: string, fields: BatchFields): PostBody {
  let value: unknown;
  try {
    value = parseJson(text.replace(/^\uFEFF/, ''));
  } catch (cause) {
    // It quotes the file.
    const why = cause instanceof Error ? escapeControls(cause.message) : '';
    throw new Error(`${file}: is not valid JSON: ${why}`, { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(`${file}: must hold a JSON object`);
  return { type: 'application/json; charset=utf-8', query: '', body: JSON.stringify({ ...value, ...fields }, kept) };

  // Written out again, such a number would be another one, which the API could not tell any more.
  function kept(key: string, child: unknown): unknown {
    const problem = typeof child === 'number' || typeof child === 'bigint' ? numberProblem(child) : null;
    if (problem !== null) throw new Error(`${file}: ${key}: ${problem}`);
    return child;
  }
}
