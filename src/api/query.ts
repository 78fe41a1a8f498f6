import type { ParsedUrlQuery } from 'node:querystring';
import { createProblems, type Problems } from '../domain/api-error.js';
import type { RequestContext } from './context.js';

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
 * Answers a page of a list, with the address of the next one as a link (RFC 8288) too.
 * @param publicUrl the address of the service as its clients see it
 * @param next the cursor of the next page, null when this one is the last
 */
export function sendList(ctx: RequestContext, publicUrl: string, items: readonly unknown[], next: string | null): void {
  ctx.body = { items, next };
  if (next === null) return;
  const query = new URLSearchParams(ctx.querystring);
  query.set('after', next);
  ctx.set('Link', `<${publicUrl.replace(/\/+$/, '')}${ctx.path}?${query.toString()}>; rel="next"`);
}

/** Reads which page is asked for; what is wrong is added to the problems. */
function readPage(
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

/** What a list takes in its query beside `after` and `limit`. */
export interface ListFilters<K extends string, F> {
  /** The form of its cursors. */
  readonly cursor: RegExp;
  readonly parameters: readonly K[];
  /** Reads them; what is wrong is added to the problems. */
  readonly read: (values: Partial<Record<K, string>>, problems: Problems) => F;
}

const NO_FILTERS: ListFilters<never, undefined> = { cursor: /./, parameters: [], read: () => undefined };

/**
 * Reads the query of a list with filters.
 * @throws ApiError 400 that names every parameter that is unknown or wrong
 */
export function filteredListQuery<K extends string, F>(
  query: ParsedUrlQuery,
  { cursor, parameters, read }: ListFilters<K, F>,
): ListQuery & { readonly filter: F } {
  const problems = createProblems();
  const values: Partial<Record<string, string>> = readQuery(query, [...parameters, 'after', 'limit'], problems);
  const filter = read(values, problems);
  const page = readPage(values, cursor, problems);
  problems.throwIfAny();
  return { ...page, filter };
}

/** As `filteredListQuery`, for a list without filters. */
export function listQuery(query: ParsedUrlQuery): ListQuery {
  const { filter: _, ...page } = filteredListQuery(query, NO_FILTERS);
  return page;
}
