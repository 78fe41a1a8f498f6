import type { ParsedUrlQuery } from 'node:querystring';
import { createProblems, type Problems } from '../domain/api-error.js';

/** The parameters of a query, each given once, as text. What is unknown or given twice is a problem at its name. */
export function readQuery<K extends string>(
  query: ParsedUrlQuery,
  known: readonly K[],
  problems: Problems,
): Partial<Record<K, string>> {
  const values: Partial<Record<string, string>> = {};
  for (const [name, value] of Object.entries(query)) {
    if (!(known as readonly string[]).includes(name)) problems.add([name], 'Is not a parameter of this route');
    else if (typeof value === 'string') values[name] = value;
    else problems.add([name], 'Must be given once');
  }
  return values;
}

/** The value of `true` or `false`; absent is false. */
export function readFlag(value: string | undefined, name: string, problems: Problems): boolean {
  if (value !== undefined && value !== 'true' && value !== 'false') problems.add([name], 'Must be true or false');
  return value === 'true';
}

/** Entries of a list when the client names no number, and at most. */
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;

/** Which part of a list a client asks for. */
export interface ListQuery {
  /** The cursor of the page before; undefined for the first page. */
  readonly after?: string;
  readonly limit: number;
}

/**
 * Reads which page of a list a query asks for, `after` and `limit`; what is wrong is added to the problems.
 * @param cursor the form of the list's cursors
 */
export function readPage(
  { after, limit }: Partial<Record<'after' | 'limit', string>>,
  cursor: RegExp,
  problems: Problems,
): ListQuery {
  if (after !== undefined && !cursor.test(after)) problems.add(['after'], 'Must be the next of an earlier page');
  const isNumber = limit === undefined || /^[1-9]\d{0,3}$/.test(limit);
  const most = limit === undefined ? DEFAULT_LIMIT : Number(limit);
  if (!isNumber || most > MAX_LIMIT) problems.add(['limit'], `Must be a whole number from 1 to ${MAX_LIMIT}`);
  return { limit: most, ...(after === undefined ? {} : { after }) };
}

/**
 * Reads the query of a list without filters.
 * @throws ApiError 400 that names every parameter that is unknown or wrong
 */
export function listQuery(query: ParsedUrlQuery): ListQuery {
  const problems = createProblems();
  const page = readPage(readQuery(query, ['after', 'limit'], problems), /./, problems);
  problems.throwIfAny();
  return page;
}
