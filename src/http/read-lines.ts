import { createHash } from 'node:crypto';
import { checkEnvelope, type ImportEnvelope } from '../contract/import-envelope.js';
import type { ImportLine } from '../contract/import-line.js';
import { parseJson } from '../contract/parse-json.js';
import { createProblems, type Problems } from '../contract/problems.js';
import type { RequestRules } from '../contract/request-rules.js';
import { readCsv } from './read-csv.js';
import { readNdjson } from './read-ndjson.js';
import { readFlag, readQuery } from './read-query.js';
import { requestBytes } from './request-bytes.js';
import type { RequestContext } from './request-state.js';
import { splitLines } from './split-lines.js';

/** Metadata of 1 MiB and all else that an item may have, with room for escapes and white space. */
const MAX_LINE_BYTES = 2 * 1024 * 1024;

/** The formats in which a batch comes line by line, by media type. */
export const LINE_FORMATS = { 'application/x-ndjson': 'ndjson', 'text/csv': 'csv' } as const;
type LineFormat = (typeof LINE_FORMATS)[keyof typeof LINE_FORMATS];

type Parameter = 'partial' | 'systemName' | 'webhook' | 'context' | 'priority';
const NDJSON_PARAMETERS: readonly Parameter[] = ['partial'];
/** A table has no place for what belongs to the batch. */
const CSV_PARAMETERS: readonly Parameter[] = ['partial', 'systemName', 'webhook', 'context', 'priority'];

type Fields = Partial<Record<Exclude<Parameter, 'partial'>, string>>;

/** A posted batch whose lines are still to be read. */
export interface PostedLines {
  readonly envelope: ImportEnvelope;
  readonly lines: AsyncIterable<readonly ImportLine[]>;
  /** Good lines are taken although others are bad. */
  readonly isPartial: boolean;
  /** SHA-256 over all that the request says, hex; to be asked for once, when all lines were read. */
  readonly bodyHash: () => string;
  /** Ends the reading, wherever it is: Node can pass over the rest of the body only then. */
  readonly close: () => Promise<void>;
}

/**
 * Reads what a batch says beside its items: the first line of NDJSON, the query with CSV.
 * @throws ApiError 400 (keyed by the parameter, or `line.1.systemName`) and what `requestBytes` throws
 */
export async function readPostedLines(
  ctx: RequestContext,
  format: LineFormat,
  rules: RequestRules,
): Promise<PostedLines> {
  const problems = createProblems();
  const hash = createHash('sha256');
  const query = readQuery(ctx.query, format === 'csv' ? CSV_PARAMETERS : NDJSON_PARAMETERS, problems);
  const isPartial = readFlag(query.partial, 'partial', problems);
  const { partial: _, ...fields } = query;
  const { systemName, webhook, context, priority } = fields;
  const said = JSON.stringify([rules.kind, format, isPartial, systemName, webhook, context, priority]);
  hash.update(`${said}\n`);
  const text = splitLines(hashed(requestBytes(ctx), hash), MAX_LINE_BYTES);
  const close = async () => {
    await text.return(undefined);
  };
  const posted = { isPartial, bodyHash: () => hash.digest('hex'), close };

  if (format === 'csv') {
    const envelope = checkEnvelope(fromQuery(fields, problems), [], rules, problems);
    return {
      ...posted,
      envelope: demand(envelope, problems),
      lines: readCsv(text, { maxBytes: MAX_LINE_BYTES, ...rules }),
    };
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

async function* hashed(
  chunks: AsyncIterable<Buffer>,
  hash: ReturnType<typeof createHash>,
): AsyncGenerator<Buffer, undefined> {
  for await (const chunk of chunks) {
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
