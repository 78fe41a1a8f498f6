import { z } from 'zod';
import { fileNameWithoutQuery } from './file-name.js';
import type { ItemSpec } from './item.js';
import { checkShape } from './json-shape.js';
import { KINDS, type Kind } from './kinds.js';
import type { MediaTypes } from './media-type.js';
import { createProblems, type Problems } from './problems.js';
import { HttpUrl, JsonObject, PriorityKey, addIssues, text } from './request-schema.js';

/** The published limits of one POST. */
export const MAX_ITEMS = 10_000;
const MAX_CONTEXT_BYTES = 8192;
/** Keeps a document with its metadata below MongoDB's 16 MiB: BSON of JSON grows at most sixfold. */
const MAX_METADATA_BYTES = 1024 * 1024;

const Envelope = z.strictObject({
  systemName: text(200),
  webhook: HttpUrl.optional(),
  context: JsonObject.optional(),
  priority: PriorityKey.optional(),
  items: z.custom<unknown[]>((value) => Array.isArray(value), {
    error: (issue) => (issue.input === undefined ? 'Missing required property' : 'Invalid type: expected array'),
  }),
});

const RequestItem = z.strictObject({
  url: HttpUrl,
  id: text(500),
  fileName: text(500),
  metadata: JsonObject,
  mediaType: z.string().optional(),
});

/** A POST that may be accepted. */
export interface ImportRequest {
  readonly systemName: string;
  readonly webhook?: string;
  readonly context?: Record<string, unknown>;
  /** 1 (most urgent) to 5. */
  readonly priority?: number;
  readonly items: readonly ItemSpec[];
}

/** Tells, without asking the network, whether a URL may be fetched, or the sentence that says why not. */
export type UrlCheck = (
  url: string,
) => { readonly ok: true; readonly url: URL } | { readonly ok: false; readonly why: string };

export interface RequestRules {
  readonly kind: Kind;
  readonly mediaTypes: MediaTypes;
  readonly checkUrl: UrlCheck;
}

/**
 * Checks a parsed JSON body against every rule of the contract at once.
 * @throws ApiError 400 with the first 100 problems, keyed by dotted path (`videos.3.url`)
 */
export function parseImportRequest(body: unknown, rules: RequestRules): ImportRequest {
  const problems = createProblems();
  const { plural } = KINDS[rules.kind];
  const envelope = readEnvelope(body, plural, rules, problems);
  const list = listOf(body, plural);
  const items = list === null ? [] : readItems(list, plural, rules, problems);
  problems.throwIfAny();
  if (envelope === null) throw new Error('An envelope without problems was not read');
  return {
    systemName: envelope.systemName,
    ...(envelope.webhook === undefined ? {} : { webhook: envelope.webhook }),
    ...(envelope.context === undefined ? {} : { context: envelope.context }),
    ...(envelope.priority === undefined ? {} : { priority: envelope.priority }),
    items,
  };
}

function readEnvelope(body: unknown, plural: string, rules: RequestRules, problems: Problems) {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    problems.add(['body'], 'Invalid type: expected object');
    return null;
  }
  const { [plural]: items, items: stray, ...rest } = body as Record<string, unknown>;
  if (stray !== undefined) problems.add(['items'], 'Additional properties not allowed');
  if (Object.hasOwn(body, '__proto__')) problems.add(['__proto__'], 'Key __proto__ is not allowed');
  const result = Envelope.safeParse({ ...rest, items });
  if (!result.success) addIssues(result.error.issues, [], problems, { items: plural });
  checkUrlAt(rest['webhook'], ['webhook'], rules, problems);
  checkObject(rest['context'], ['context'], MAX_CONTEXT_BYTES, problems);
  return result.data ?? null;
}

function listOf(body: unknown, plural: string): readonly unknown[] | null {
  const list: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, plural) : undefined;
  return Array.isArray(list) ? (list as unknown[]) : null;
}

function readItems(list: readonly unknown[], plural: string, rules: RequestRules, problems: Problems): ItemSpec[] {
  // Counted before anything else looks at the items: a body of 16 MiB may hold millions.
  if (list.length > MAX_ITEMS) {
    problems.add([plural], `Must have at most ${MAX_ITEMS} items, has ${list.length}`);
    return [];
  }
  if (list.length === 0) problems.add([plural], `Must have 1 to ${MAX_ITEMS} items`);
  const specs: ItemSpec[] = [];
  const firstUse = new Map<string, number>();
  for (const [seq, raw] of list.entries()) {
    if (problems.isFull()) break;
    const spec = readItem(raw, seq, [plural, seq], rules, problems);
    const id: unknown = isObject(raw) ? raw['id'] : undefined;
    if (typeof id === 'string') {
      const first = firstUse.get(id);
      if (first === undefined) firstUse.set(id, seq);
      else problems.add([plural, seq, 'id'], `Must be unique, ${plural}.${first}.id is the same`);
    }
    if (spec !== null) specs.push(spec);
  }
  return specs;
}

function readItem(raw: unknown, seq: number, path: PropertyKey[], rules: RequestRules, problems: Problems) {
  if (!isObject(raw)) {
    problems.add(path, 'Invalid type: expected object');
    return null;
  }
  if (Object.hasOwn(raw, '__proto__')) problems.add([...path, '__proto__'], 'Key __proto__ is not allowed');
  const result = RequestItem.safeParse(raw);
  if (!result.success) addIssues(result.error.issues, path, problems);
  const host = checkUrlAt(raw['url'], [...path, 'url'], rules, problems);
  checkObject(raw['metadata'], [...path, 'metadata'], MAX_METADATA_BYTES, problems);
  const mediaType = raw['mediaType'] ?? rules.kind;
  if (typeof mediaType === 'string' && rules.mediaTypes.get(mediaType)?.kind !== rules.kind)
    problems.add([...path, 'mediaType'], `Must be the handle of a media type of kind ${KINDS[rules.kind].mediaType}`);
  if (!result.success || host === null || typeof mediaType !== 'string') return null;
  const { url, id, fileName, metadata } = result.data;
  const cleanName = fileNameWithoutQuery(fileName);
  if (cleanName === '') problems.add([...path, 'fileName'], 'Must have more than a query string');
  return { seq, url, externalId: id, fileName: cleanName, metadata, mediaType, host } satisfies ItemSpec;
}

function checkUrlAt(url: unknown, path: PropertyKey[], rules: RequestRules, problems: Problems): string | null {
  // What the schema refuses has its sentence already.
  if (!HttpUrl.safeParse(url).success) return null;
  const verdict = rules.checkUrl(url as string);
  if (verdict.ok) return verdict.url.hostname;
  problems.add(path, verdict.why);
  return null;
}

function checkObject(value: unknown, path: PropertyKey[], maxBytes: number, problems: Problems): void {
  if (!isObject(value)) return;
  // Only a value of sane depth can be turned into text without exhausting the stack.
  if (checkShape(value, path, problems) && Buffer.byteLength(JSON.stringify(value)) > maxBytes)
    problems.add(path, `Must be at most ${maxBytes} bytes as UTF-8 JSON`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
