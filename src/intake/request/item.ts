import { z } from 'zod';
import type { Problems } from '../../domain/api-error.js';
import { KINDS } from '../../domain/import.js';
import type { ItemSpec } from '../../domain/item.js';
import { keyProblem, numberProblem, textProblem, fileNameWithoutQuery } from '../../domain/text.js';
import { HttpUrl, JsonObject, addIssues, addUnknownKeys, text, checkUrlAt, type RequestRules } from './rules.js';

/** Free-form objects nest at most this deep, their own object being the first level: MongoDB refuses documents beyond 100. */
const MAX_LEVELS = 20;

/** What a free-form object may hold. */
export interface ObjectLimits {
  /** Of its JSON in UTF-8. */
  readonly bytes: number;
  /** Members of objects and elements of lists, at all levels. */
  readonly values: number;
}

/**
 * Checks a free-form object (`metadata`, `context`): that it has at most so many bytes as JSON and so many values, that its keys, texts
 * and numbers can be stored as they are, and that it is not deep. Looks at the parsed JSON itself, because schema libraries drop an own
 * `__proto__` silently. A value that is no object is passed over: the schema has named it. The limits are looked at during the walk, so
 * that no object costs more than they allow.
 */
export function checkObject(
  value: unknown,
  path: readonly PropertyKey[],
  { bytes, values }: ObjectLimits,
  problems: Problems,
): void {
  if (!isObject(value)) return;
  const left = { bytes, values };
  const isClean = walk(value, [...path], 1, left, problems);
  if (left.values < 0) problems.add(path, `Must have at most ${values} values`);
  // Only a value of sane depth and size, without bigints, can be turned into text without exhausting stack and memory.
  else if (left.bytes < 0 || (isClean && Buffer.byteLength(JSON.stringify(value)) > bytes))
    problems.add(path, `Must be at most ${bytes} bytes as UTF-8 JSON`);
}

interface Left {
  bytes: number;
  values: number;
}

/** Answers whether nothing was found. Never goes deeper than the limit, so that no body exhausts the stack. */
function walk(value: unknown, path: PropertyKey[], level: number, left: Left, problems: Problems): boolean {
  // Every character is a byte at least.
  if (typeof value === 'string') left.bytes -= value.length;
  const unstorable = scalarProblem(value);
  if (unstorable !== null) {
    problems.add(path, unstorable);
    return false;
  }
  if (typeof value !== 'object' || value === null) return true;
  if (level > MAX_LEVELS) {
    problems.add(path, `Must nest at most ${MAX_LEVELS} levels`);
    return false;
  }
  const visit = (key: PropertyKey, child: unknown): boolean => {
    left.values -= 1;
    path.push(key);
    const problem = typeof key === 'string' ? keyProblem(key) : null;
    if (problem !== null) problems.add(path, problem);
    const isClean = walk(child, path, level + 1, left, problems) && problem === null;
    path.pop();
    return isClean;
  };
  const mayGoOn = () => left.values >= 0 && left.bytes >= 0 && !problems.isFull();
  let isClean = true;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) {
      isClean = visit(index, value[index]) && isClean;
      if (!mayGoOn()) return false;
    }
    return isClean;
  }
  // A copy of all its entries would take more memory than the object.
  for (const key in value) {
    left.bytes -= key.length;
    isClean = visit(key, (value as Record<string, unknown>)[key]) && isClean;
    if (!mayGoOn()) return false;
  }
  return isClean;
}

function scalarProblem(value: unknown): string | null {
  if (typeof value === 'string') return textProblem(value);
  return typeof value === 'number' || typeof value === 'bigint' ? numberProblem(value) : null;
}

/** How many values an object has, its members and all that is below them. */
export function countValues(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let count = 0;
  if (Array.isArray(value)) for (const child of value as unknown[]) count += 1 + countValues(child);
  else for (const key in value) count += 1 + countValues((value as Record<string, unknown>)[key]);
  return count;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Published. Text of 1 MiB takes up to 2 MiB as objects, and a value up to 110 bytes beside its text (measured, `{"1000":1}` and the
 * like): without a limit on values, 1 MiB of `{}` took 22 MiB. With both, an item takes at most 2.6 MiB, and its document some
 * 1.1 MiB of the 16 that MongoDB allows.
 */
const METADATA_LIMITS = { bytes: 1024 * 1024, values: 5_000 };

/**
 * The text of an item, before it is parsed: metadata of 1 MiB and all else that it may have, with room for escapes and white space.
 * Parsed in 10 ms; it cannot give way.
 */
export const MAX_ITEM_BYTES = 2 * 1024 * 1024;
/**
 * How often the text of an item may have one of `{[,` outside of quotes, before it is parsed: at least once for each value but an empty
 * object or list, which takes two. With room for the item's own keys.
 */
export const MAX_ITEM_MARKS = 2 * METADATA_LIMITS.values + 100;
/** The sentence about an item that has more of them: its values are not counted exactly, for that it would have to be parsed. */
export const TOO_MANY_VALUES = `Must have at most ${METADATA_LIMITS.values} values in its metadata`;

/** In code points: twice as many UTF-16 units at most. */
export const MAX_ID_LENGTH = 500;

const RequestItem = z.object({
  url: HttpUrl,
  id: text(MAX_ID_LENGTH),
  fileName: text(500),
  metadata: JsonObject,
  mediaType: z.string().optional(),
});

/** An item that has no place in its batch yet. */
export type CheckedItem = Omit<ItemSpec, 'seq'>;

/**
 * Checks one item, as a JSON body or a line has it, against every rule but that its id is unique. Answers null, with the problems
 * added below `path`, when it cannot be taken; some problems are found of an item that is answered too.
 */
export function checkItem(
  raw: unknown,
  path: readonly PropertyKey[],
  rules: RequestRules,
  problems: Problems,
): CheckedItem | null {
  if (!isObject(raw)) {
    problems.add(path, 'Invalid type: expected object');
    return null;
  }
  const result = RequestItem.safeParse(raw);
  if (!result.success) addIssues(result.error.issues, path, problems);
  addUnknownKeys(raw, RequestItem.shape, path, problems);
  const host = checkUrlAt(raw['url'], [...path, 'url'], rules, problems);
  checkObject(raw['metadata'], [...path, 'metadata'], METADATA_LIMITS, problems);
  const mediaType = raw['mediaType'] ?? rules.kind;
  if (typeof mediaType === 'string' && rules.mediaTypes.get(mediaType)?.kind !== rules.kind)
    problems.add([...path, 'mediaType'], `Must be the handle of a media type of kind ${KINDS[rules.kind].mediaType}`);
  if (!result.success || host === null || typeof mediaType !== 'string') return null;
  const { url, id, fileName, metadata } = result.data;
  const cleanName = fileNameWithoutQuery(fileName);
  if (cleanName === '') problems.add([...path, 'fileName'], 'Must have more than a query string');
  return { url, externalId: id, fileName: cleanName, metadata, mediaType, host };
}
