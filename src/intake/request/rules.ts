import { z } from 'zod';
import type { Problems } from '../../domain/api-error.js';
import { LEAST_URGENT, MOST_URGENT, type Kind } from '../../domain/import.js';
import type { MediaTypes } from '../../domain/media.js';
import { textProblem } from '../../domain/text.js';

const MAX_URL_BYTES = 8 * 1024;

/** Text of 1 to `max` characters (code points, as a reader counts them). */
export function text(max: number) {
  return z
    .string()
    .refine((value) => hasLength(value, max), `Must have 1 to ${max} characters`)
    .refine((value) => textProblem(value) === null, { error: ({ input }) => textProblem(String(input)) ?? '' });
}

/** The form of a URL; whether it may be asked for is the egress rules' business. */
export const HttpUrl = z
  .string()
  .refine((value) => value !== '', 'Must not be empty')
  .refine((value) => Buffer.byteLength(value) <= MAX_URL_BYTES, `Must be at most ${MAX_URL_BYTES} bytes`);

/** How urgent a batch is. */
export const PriorityKey = z
  .number()
  .refine(
    (value) => Number.isInteger(value) && value >= MOST_URGENT && value <= LEAST_URGENT,
    `Must be an integer from ${MOST_URGENT} to ${LEAST_URGENT}`,
  );

/** Whether `HttpUrl` takes the value. */
function isUrlForm(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && Buffer.byteLength(value) <= MAX_URL_BYTES;
}

/** A JSON object, handed on as it was parsed. */
export const JsonObject = z.custom<Record<string, unknown>>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  { error: (issue) => (issue.input === undefined ? 'Missing required property' : 'Invalid type: expected object') },
);

/** Turns schema issues into the published sentences, below `base`. */
export function addIssues(issues: readonly z.core.$ZodIssue[], base: readonly PropertyKey[], problems: Problems): void {
  for (const issue of issues) {
    const path = [...base, ...issue.path];
    problems.add(path, sentenceOf(issue, path));
  }
}

/**
 * Names the keys of an object that are not `known`, until there are as many problems as are reported: a schema would gather all of a
 * million first.
 */
export function addUnknownKeys(
  raw: Readonly<Record<string, unknown>>,
  known: Readonly<Record<string, unknown>>,
  path: readonly PropertyKey[],
  problems: Problems,
): void {
  for (const key in raw) {
    if (problems.isFull()) return;
    // Beside the schema: taken apart, an own __proto__ would be lost.
    if (key === '__proto__') problems.add([...path, key], 'Key __proto__ is not allowed');
    else if (!Object.hasOwn(known, key)) problems.add([...path, key], 'Additional properties not allowed');
  }
}

function sentenceOf(issue: z.core.$ZodIssue, path: readonly PropertyKey[]): string {
  const missing = 'Missing required property';
  // Without reportInput an issue does not carry its input; zod's own text tells a missing value from a wrong one.
  const isMissing =
    issue.message === missing || (issue.code === 'invalid_type' && issue.message.endsWith('received undefined'));
  if (isMissing) return `${missing}: ${String(path.at(-1))}`;
  return issue.code === 'invalid_type' ? `Invalid type: expected ${issue.expected}` : issue.message;
}

function hasLength(value: string, max: number): boolean {
  // A code point takes at most two UTF-16 units, so that long text need not be counted.
  if (value.length === 0 || value.length > 2 * max) return false;
  return value.length <= max || Array.from(value).length <= max;
}

/** Tells, without asking the network, whether a URL may be fetched, or the sentence that says why not. */
export type UrlCheck = (
  url: string,
) => { readonly ok: true; readonly url: URL } | { readonly ok: false; readonly why: string };

/** What a POST is checked against. */
export interface RequestRules {
  readonly kind: Kind;
  readonly mediaTypes: MediaTypes;
  readonly checkUrl: UrlCheck;
}

/** The host of a URL that may be asked for, else null; what the schema refuses has its sentence already. */
export function checkUrlAt(
  url: unknown,
  path: readonly PropertyKey[],
  rules: Pick<RequestRules, 'checkUrl'>,
  problems: Problems,
): string | null {
  if (!isUrlForm(url)) return null;
  const verdict = rules.checkUrl(url);
  if (verdict.ok) return verdict.url.hostname;
  problems.add(path, verdict.why);
  return null;
}
