import { createHash } from 'node:crypto';
import { checkEnvelope, type ImportEnvelope, type ImportLine } from '../../intake/request/envelope.js';
import { MAX_ITEM_BYTES } from '../../intake/request/item.js';
import { parseJson } from '../../domain/parse-json.js';
import { createProblems, type Problems } from '../../domain/api-error.js';
import type { RequestRules } from '../../intake/request/rules.js';
import type { BodyRoom } from '../../intake/body-memory.js';
import { readCsv } from './csv.js';
import { readNdjson } from './ndjson.js';
import { readFlag, readQuery } from '../query.js';
import { requestBytes } from './request-bytes.js';
import type { RequestContext } from '../context.js';
import { splitLines } from './split-lines.js';

/**
 * What every stream of lines takes beside its chunk: buffers of gzip, the start of a line, some hundred lines as text and as objects, what
 * is wrong with them.
 */
const FIRST_BYTES = 512 * 1024;

/** The formats in which a batch comes line by line, by media type. */
export const LINE_FORMATS = {
  'application/x-ndjson': 'ndjson',
  // What many tools call the same bytes.
  'application/jsonl': 'ndjson',
  'text/csv': 'csv',
} as const;
export type LineFormat = (typeof LINE_FORMATS)[keyof typeof LINE_FORMATS];

type Parameter = 'dryRun' | 'partial' | 'systemName' | 'webhook' | 'context' | 'priority';
const NDJSON_PARAMETERS: readonly Parameter[] = ['partial', 'dryRun'];
/** A table has no place for what belongs to the batch. */
const CSV_PARAMETERS: readonly Parameter[] = ['partial', 'dryRun', 'systemName', 'webhook', 'context', 'priority'];

type Fields = Partial<Record<Exclude<Parameter, 'partial' | 'dryRun'>, string>>;

/** A posted batch whose lines are still to be read. */
export interface PostedLines {
  readonly envelope: ImportEnvelope;
  readonly lines: AsyncIterable<readonly ImportLine[]>;
  /** Good lines are taken although others are bad. */
  readonly isPartial: boolean;
  /** Lines are only checked. */
  readonly isDryRun: boolean;
  /** SHA-256 over all that the request says, hex; to be asked for once, when all lines were read. */
  readonly bodyHash: () => string;
  /** Ends the reading, wherever it is: Node can pass over the rest of the body only then. */
  readonly close: () => Promise<void>;
}

/**
 * Reads what a batch says beside its items: the first line of NDJSON, the query with CSV.
 * @param room where the lines take room while they are read
 * @throws ApiError 400 (keyed by the parameter, or `line.1.systemName`) and what `requestBytes` and `BodyRoom.keep` throw
 */
export async function readPostedLines(
  ctx: RequestContext,
  format: LineFormat,
  rules: RequestRules,
  room: BodyRoom,
): Promise<PostedLines> {
  const problems = createProblems();
  const hash = createHash('sha256');
  const query = readQuery(ctx.query, format === 'csv' ? CSV_PARAMETERS : NDJSON_PARAMETERS, problems);
  const isPartial = readFlag(query.partial, 'partial', problems);
  const isDryRun = readFlag(query.dryRun, 'dryRun', problems);
  const { partial: _, dryRun: __, ...fields } = query;
  const { systemName, webhook, context, priority } = fields;
  const said = JSON.stringify([rules.kind, format, isPartial, systemName, webhook, context, priority]);
  hash.update(`${said}\n`);
  const bytes = counted(requestBytes(ctx), hash, room);
  // An empty line may be part of a cell of CSV.
  const text = splitLines(bytes, MAX_ITEM_BYTES, { skipsBlank: format === 'ndjson', room });
  const close = async () => {
    await text.return(undefined);
  };
  const posted = { isPartial, isDryRun, bodyHash: () => hash.digest('hex'), close };

  if (format === 'csv') {
    const envelope = checkEnvelope(fromQuery(fields, problems), [], rules, problems);
    const lines = readCsv(text, { maxBytes: MAX_ITEM_BYTES, room, ...rules });
    return { ...posted, envelope: demand(envelope, problems), lines };
  }
  try {
    problems.throwIfAny();
    const { head, headLine, lines } = await readNdjson(text);
    const envelope = checkEnvelope(head, ['line', headLine], rules, problems);
    return { ...posted, envelope: demand(envelope, problems), lines };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A client that has sent nothing yet holds no memory. */
async function* counted(
  chunks: AsyncIterable<Buffer>,
  hash: ReturnType<typeof createHash>,
  room: BodyRoom,
): AsyncGenerator<Buffer, undefined> {
  let isFirst = true;
  for await (const chunk of chunks) {
    if (isFirst) room.keep(FIRST_BYTES);
    isFirst = false;
    hash.update(chunk);
    yield chunk;
  }
}

/** What is no text in JSON is none in a query either. */
function fromQuery({ context, priority, ...texts }: Fields, problems: Problems): Record<string, unknown> {
  const values: Record<string, unknown> = { ...texts };
  if (priority !== undefined) values['priority'] = /^\d+$/.test(priority) ? Number(priority) : priority;
  if (context === undefined) return values;
  try {
    values['context'] = parseJson(context);
  } catch {
    problems.add(['context'], 'Must be a JSON object');
  }
  return values;
}

function demand(envelope: ImportEnvelope | null, problems: Problems): ImportEnvelope {
  problems.throwIfAny();
  if (envelope === null) throw new Error('An envelope without problems was not read');
  return envelope;
}
