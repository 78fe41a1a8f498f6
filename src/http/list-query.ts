import { createProblems } from '../contract/problems.js';

/** Entries of a list when the client names no number, and at most. */
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;
const ALLOWED: ReadonlySet<string> = new Set(['after', 'limit']);

/** Which part of a list a client asks for. */
export interface ListQuery {
  /** The cursor of the page before; undefined for the first page. */
  readonly after?: string;
  readonly limit: number;
}

type Query = Readonly<Record<string, string | string[] | undefined>>;

/**
 * Reads the query of a list without filters.
 * @throws ApiError 400 that names every parameter that is unknown or wrong
 */
export function listQuery(query: Query): ListQuery {
  const problems = createProblems();
  for (const key of Object.keys(query)) if (!ALLOWED.has(key)) problems.add([key], 'is not a known parameter');
  const { after, limit } = query;
  if (Array.isArray(after) || after === '') problems.add(['after'], 'must be the cursor of the page before, once');
  const isNumber = limit === undefined || (typeof limit === 'string' && /^[1-9]\d{0,3}$/.test(limit));
  const most = limit === undefined ? DEFAULT_LIMIT : Number(limit);
  if (!isNumber || most > MAX_LIMIT) problems.add(['limit'], `must be a whole number from 1 to ${MAX_LIMIT}`);
  problems.throwIfAny();
  return { limit: most, ...(typeof after === 'string' && { after }) };
}
