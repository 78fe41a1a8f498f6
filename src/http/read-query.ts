import type { ParsedUrlQuery } from 'node:querystring';
import type { Problems } from '../contract/problems.js';

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
