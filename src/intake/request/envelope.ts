import { z } from 'zod';
import { createProblems, type Problems } from '../../domain/api-error.js';
import { KINDS } from '../../domain/import.js';
import type { ItemSpec } from '../../domain/item.js';
import { checkObject, MAX_ID_LENGTH, checkItem, isObject } from './item.js';
import {
  HttpUrl,
  JsonObject,
  PriorityKey,
  addIssues,
  addUnknownKeys,
  text,
  checkUrlAt,
  type RequestRules,
} from './rules.js';

/** 8 KiB of JSON cannot hold more values than half of that. */
const CONTEXT_LIMITS = { bytes: 8192, values: 4096 };

const Envelope = z.object({
  systemName: text(200),
  webhook: HttpUrl.optional(),
  context: JsonObject.optional(),
  priority: PriorityKey.optional(),
});

/** What a batch says beside its items. */
export interface ImportEnvelope {
  readonly systemName: string;
  readonly webhook?: string;
  readonly context?: Record<string, unknown>;
  /** 1 (most urgent) to 5. */
  readonly priority?: number;
}

/** Checks a batch without its items. Answers null, with the problems added below `path`, when it cannot be taken. */
export function checkEnvelope(
  raw: Readonly<Record<string, unknown>>,
  path: readonly PropertyKey[],
  rules: RequestRules,
  problems: Problems,
): ImportEnvelope | null {
  const result = Envelope.safeParse(raw);
  if (!result.success) addIssues(result.error.issues, path, problems);
  addUnknownKeys(raw, Envelope.shape, path, problems);
  checkUrlAt(raw['webhook'], [...path, 'webhook'], rules, problems);
  checkObject(raw['context'], [...path, 'context'], CONTEXT_LIMITS, problems);
  if (!result.success) return null;
  const { systemName, webhook, context, priority } = result.data;
  return {
    systemName,
    ...(webhook === undefined ? {} : { webhook }),
    ...(context === undefined ? {} : { context }),
    ...(priority === undefined ? {} : { priority }),
  };
}

/** The published limit of one JSON body; a stream of lines has none. */
export const MAX_ITEMS = 10_000;

/** An element of a posted list: parsed, or why it cannot be. `bytes` is the length of its text. */
export type PostedItem = { readonly bytes: number } & ({ readonly item: unknown } | { readonly problem: string });

/** A list whose elements are still text: all of them parsed would take many times the memory of the body. */
interface PostedList {
  readonly length: number;
  /** Parses an element; each time anew. @throws ApiError 400 when it is not JSON */
  parse(seq: number): PostedItem;
}

/** A posted JSON body. */
export interface PostedJson {
  /** What the body says, with an empty list in the place of every list that is a member of it. */
  readonly value: unknown;
  /** The list that is the member of this name. */
  list(name: string): PostedList | null;
  /** A member that is a list was given twice, and the first is lost: what it holds was never looked at. */
  readonly hasLostList: boolean;
}

/** Checks a JSON body item by item, so that the caller can yield to other requests in between. */
export interface ImportRequestCheck {
  /** 0 when the items need not be looked at. */
  readonly itemCount: number;
  /** Looks at an item. Null when it has problems. */
  check(seq: number): { readonly spec: ItemSpec; readonly bytes: number } | null;
  /** Reads an item that has been looked at and was good. */
  again(seq: number): { readonly spec: ItemSpec; readonly bytes: number };
  /** As many problems as are reported: looking further is of no use. */
  isFull(): boolean;
  /** Once all items were looked at. @throws ApiError 400 with the first 100 problems, keyed by dotted path (`videos.3.url`) */
  envelope(): ImportEnvelope;
}

/**
 * Checks a JSON body against every rule of the contract at once.
 * @throws ApiError 400 when it is no object
 */
export function checkImportRequest(body: PostedJson, rules: RequestRules): ImportRequestCheck {
  const problems = createProblems();
  const { plural } = KINDS[rules.kind];
  if (!isObject(body.value)) {
    problems.add(['body'], 'Invalid type: expected object');
    throw problems.asError();
  }
  const { [plural]: value, ...rest } = body.value;
  // Taken apart, an own __proto__ would be lost.
  if (Object.hasOwn(body.value, '__proto__')) problems.add(['__proto__'], 'Key __proto__ is not allowed');
  const envelope = checkEnvelope(rest, [], rules, problems);
  const list = body.list(plural);
  const count = list?.length ?? 0;
  if (value === undefined) problems.add([plural], `Missing required property: ${plural}`);
  else if (list === null) problems.add([plural], 'Invalid type: expected array');
  // Counted before anything else looks at the items: a body of 16 MiB may hold millions.
  else if (count > MAX_ITEMS)
    problems.add([plural], `Must have at most ${MAX_ITEMS} items, has ${count}; NDJSON and CSV take any number`);
  else if (count === 0) problems.add([plural], `Must have 1 to ${MAX_ITEMS} items`);

  const firstUse = new Map<string, number>();
  const demandUnique = (raw: unknown, seq: number) => {
    const id = isObject(raw) ? raw['id'] : undefined;
    // A longer one is refused as such, and would be kept.
    if (typeof id !== 'string' || id.length > 2 * MAX_ID_LENGTH) return;
    const first = firstUse.get(id);
    if (first === undefined) firstUse.set(id, seq);
    else problems.add([plural, seq, 'id'], `Must be unique, ${plural}.${first}.id is the same`);
  };
  const read = (list: PostedList, seq: number, into: Problems): { spec: ItemSpec; bytes: number } | null => {
    const posted = list.parse(seq);
    if ('problem' in posted) {
      into.add([plural, seq], posted.problem);
      return null;
    }
    const item = checkItem(posted.item, [plural, seq], rules, into);
    if (into === problems) demandUnique(posted.item, seq);
    return item === null ? null : { spec: { seq, ...item }, bytes: posted.bytes };
  };
  return {
    itemCount: count > MAX_ITEMS ? 0 : count,
    check: (seq) => (list === null ? null : read(list, seq, problems)),
    again(seq) {
      const found = list === null ? null : read(list, seq, createProblems());
      if (found === null) throw new Error(`Item ${seq} was good when it was looked at first`);
      return found;
    },
    isFull: () => problems.isFull(),
    envelope() {
      problems.throwIfAny();
      if (body.hasLostList) {
        problems.add(['body'], 'Every list must be given once');
        throw problems.asError();
      }
      if (envelope === null) throw new Error('An envelope without problems was not read');
      return envelope;
    },
  };
}

/** One line of a batch that is posted as lines: an item as it was written, or why it cannot be read. Lines count from 1. */
export type ImportLine = PostedItem & { readonly line: number };

/** A line that was left out of a batch, and why. */
export interface RejectedLine {
  readonly line: number;
  readonly error: string;
}
