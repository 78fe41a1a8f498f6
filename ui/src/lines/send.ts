import { api, newKey, RequestFailed } from '../api/client.js';
import type { Kind } from '../api/types.js';
import type { Row } from './propose.js';

/** What an import says beside its lines. */
export interface Envelope {
  readonly systemName: string;
  readonly webhook?: string;
  readonly context?: unknown;
  readonly priority?: number;
}

/** How metadata is sent: cells of a table are read by the type of their field, JSON stays as it was. */
export type SendAs = 'table' | 'json';

/** Sentences by field, for each row that has a problem. */
type RowProblems = ReadonlyMap<number, Readonly<Record<string, string>>>;

export interface Verdict {
  readonly rows: RowProblems;
  /** What is wrong with the import itself, by field. */
  readonly envelope: Readonly<Record<string, string>>;
}

/** Lines that are checked with one request: answered in some 50 ms, and below the 1,000 problems that one answer has. */
const CHECKED_AT_ONCE = 500;

/** Asks the service what is wrong with the rows, in its own words. Nothing is stored. @throws RequestFailed */
export async function checkRows(rows: readonly Row[], kind: Kind, envelope: Envelope, as: SendAs): Promise<Verdict> {
  const found = new Map<number, Readonly<Record<string, string>>>();
  for (let at = 0; at < rows.length; at += CHECKED_AT_ONCE) {
    const part = rows.slice(at, at + CHECKED_AT_ONCE);
    const { type, query, body, rowAt } = bodyOf(part, envelope, as);
    const dryRun = { ...query, dryRun: 'true' };
    try {
      const answer = await api.postLines<{ problems: Record<string, string> }>(kind, dryRun, type, body, newKey());
      for (const [key, problems] of problemsByRow(answer.problems, rowAt)) found.set(key, problems);
    } catch (error) {
      const about = error instanceof RequestFailed && error.status === 400 ? envelopeProblems(error.details) : null;
      if (about === null) throw error;
      return { rows: found, envelope: about };
    }
  }
  return { rows: found, envelope: {} };
}

/** Starts an import of the rows. @returns its id, or what is wrong @throws RequestFailed */
export async function startImport(
  rows: readonly Row[],
  kind: Kind,
  envelope: Envelope,
  as: SendAs,
  key: string,
): Promise<{ readonly id: string } | Verdict> {
  const { type, query, body, rowAt } = bodyOf(rows, envelope, as);
  try {
    return await api.postLines<{ id: string }>(kind, query, type, body, key);
  } catch (error) {
    if (!(error instanceof RequestFailed) || error.status !== 400) throw error;
    const about = envelopeProblems(error.details);
    const bad = problemsByRow(error.details, rowAt);
    if (about === null && bad.size === 0) throw error;
    return { rows: bad, envelope: about ?? {} };
  }
}

interface Body {
  readonly type: string;
  readonly query: Readonly<Record<string, string>>;
  readonly body: Blob;
  /** The row that begins on a line of the body. */
  readonly rowAt: ReadonlyMap<number, number>;
}

/** The rows in the form that a POST of any number of items takes. */
function bodyOf(rows: readonly Row[], envelope: Envelope, as: SendAs): Body {
  return as === 'table' ? tableOf(rows, envelope) : ndjsonOf(rows, envelope);
}

function ndjsonOf(rows: readonly Row[], envelope: Envelope): Body {
  const lines = rows.map(({ url, id, fileName, mediaType, metadata }) =>
    JSON.stringify({ url, id, fileName, metadata, ...(mediaType === null ? {} : { mediaType }) }),
  );
  const text = [JSON.stringify(envelope), ...lines].join('\n');
  const rowAt = new Map(rows.map(({ key }, at) => [at + 2, key]));
  return { type: 'application/x-ndjson', query: {}, body: new Blob([text]), rowAt };
}

function tableOf(rows: readonly Row[], { systemName, webhook, context, priority }: Envelope): Body {
  const fields = [...new Set(rows.flatMap(({ metadata }) => Object.keys(metadata)))];
  const header = ['url', 'id', 'fileName', 'mediaType', ...fields.map((field) => `metadata.${field}`)];
  const rowAt = new Map<number, number>();
  const records = [header.map(csvCell).join(',')];
  let line = 2;
  for (const { key, url, id, fileName, mediaType, metadata } of rows) {
    const cells = [url, id, fileName, mediaType ?? '', ...fields.map((field) => cellText(metadata[field]))];
    const record = cells.map(csvCell).join(',');
    rowAt.set(line, key);
    line += record.split('\n').length;
    records.push(record);
  }
  const query = {
    systemName,
    ...(webhook === undefined ? {} : { webhook }),
    ...(context === undefined ? {} : { context: JSON.stringify(context) }),
    ...(priority === undefined ? {} : { priority: String(priority) }),
  };
  return { type: 'text/csv', query, body: new Blob([records.join('\n')]), rowAt };
}

function cellText(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function csvCell(text: string): string {
  return /[",\n\r;\t]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Answers keyed `line.12.url`, by row; a problem within metadata or the line itself stands under its own field. */
function problemsByRow(
  details: Readonly<Record<string, string>>,
  rowAt: ReadonlyMap<number, number>,
): Map<number, Record<string, string>> {
  const found = new Map<number, Record<string, string>>();
  for (const [path, sentence] of Object.entries(details)) {
    const [, line = '', field = 'line', inner] = /^line\.(\d+)(?:\.([^.]+)(?:\.(.+))?)?$/.exec(path) ?? [];
    const key = rowAt.get(Number(line));
    if (key === undefined) continue;
    const problems = found.get(key) ?? {};
    problems[field] ??= inner === undefined ? sentence : `${inner}: ${sentence}`;
    found.set(key, problems);
  }
  return found;
}

const ENVELOPE_FIELD = /^(?:line\.1\.)?(systemName|webhook|context|priority)\b/;

function envelopeProblems(details: Readonly<Record<string, string>>): Record<string, string> | null {
  const found: Record<string, string> = {};
  for (const [path, sentence] of Object.entries(details)) {
    const field = ENVELOPE_FIELD.exec(path)?.[1];
    if (field !== undefined) found[field] = sentence;
  }
  return Object.keys(found).length === 0 ? null : found;
}
