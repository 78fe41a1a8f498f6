import { checkEnvelope, type ImportEnvelope } from './import-envelope.js';
import { checkItem } from './import-item.js';
import type { ItemSpec } from './item.js';
import { isObject } from './json-shape.js';
import { KINDS } from './kinds.js';
import { createProblems, type Problems } from './problems.js';
import type { RequestRules } from './request-rules.js';

/** The published limit of one JSON body; a stream of lines has none. */
const MAX_ITEMS = 10_000;

/** A POST that may be accepted. */
export interface ImportRequest extends ImportEnvelope {
  readonly items: readonly ItemSpec[];
}

/**
 * Checks a parsed JSON body against every rule of the contract at once.
 * @throws ApiError 400 with the first 100 problems, keyed by dotted path (`videos.3.url`)
 */
export function parseImportRequest(body: unknown, rules: RequestRules): ImportRequest {
  const problems = createProblems();
  const { plural } = KINDS[rules.kind];
  if (!isObject(body)) {
    problems.add(['body'], 'Invalid type: expected object');
    throw problems.asError();
  }
  const { [plural]: list, items: stray, ...rest } = body;
  if (stray !== undefined) problems.add(['items'], 'Additional properties not allowed');
  // Taken apart, an own __proto__ would be lost.
  if (Object.hasOwn(body, '__proto__')) problems.add(['__proto__'], 'Key __proto__ is not allowed');
  const envelope = checkEnvelope(rest, [], rules, problems);
  const items = readItems(list, plural, rules, problems);
  problems.throwIfAny();
  if (envelope === null) throw new Error('An envelope without problems was not read');
  return { ...envelope, items };
}

function readItems(list: unknown, plural: string, rules: RequestRules, problems: Problems): ItemSpec[] {
  if (!Array.isArray(list)) {
    const isMissing = list === undefined;
    problems.add([plural], isMissing ? `Missing required property: ${plural}` : 'Invalid type: expected array');
    return [];
  }
  // Counted before anything else looks at the items: a body of 16 MiB may hold millions.
  if (list.length > MAX_ITEMS) {
    problems.add([plural], `Must have at most ${MAX_ITEMS} items, has ${list.length}; NDJSON and CSV take any number`);
    return [];
  }
  if (list.length === 0) problems.add([plural], `Must have 1 to ${MAX_ITEMS} items`);
  const specs: ItemSpec[] = [];
  const firstUse = new Map<string, number>();
  for (const [seq, raw] of (list as unknown[]).entries()) {
    if (problems.isFull()) break;
    const item = checkItem(raw, [plural, seq], rules, problems);
    const id: unknown = isObject(raw) ? raw['id'] : undefined;
    if (typeof id === 'string') {
      const first = firstUse.get(id);
      if (first === undefined) firstUse.set(id, seq);
      else problems.add([plural, seq, 'id'], `Must be unique, ${plural}.${first}.id is the same`);
    }
    if (item !== null) specs.push({ seq, ...item });
  }
  return specs;
}
