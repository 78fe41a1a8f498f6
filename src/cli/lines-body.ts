import { parseJson } from '../contract/parse-json.js';
import type { BatchFields, PostBody } from './post-body.js';

const LF = 0x0a;
/** The API takes no longer lines; without a line break the file is not what it says it is, and the API says so. */
const MAX_FIRST_LINE = 4 * 1024 * 1024;

type Open = () => AsyncIterable<Buffer>;

/** CSV as it is; what belongs to the batch goes into the query. */
export function csvBody(open: Open, { systemName, webhook, context, priority }: BatchFields): PostBody {
  const query = new URLSearchParams();
  if (systemName !== undefined) query.set('systemName', systemName);
  if (webhook !== undefined) query.set('webhook', webhook);
  if (context !== undefined) query.set('context', JSON.stringify(context));
  if (priority !== undefined) query.set('priority', String(priority));
  return { type: 'text/csv; charset=utf-8', query: query.size === 0 ? '' : `?${query.toString()}`, body: open() };
}

/** NDJSON as it is, apart from its first line when fields stand above it. */
export function ndjsonBody(open: Open, fields: BatchFields): PostBody {
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
