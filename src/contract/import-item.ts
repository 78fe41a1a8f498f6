import { z } from 'zod';
import { fileNameWithoutQuery } from './file-name.js';
import type { ItemSpec } from './item.js';
import { checkObject, isObject } from './json-shape.js';
import { KINDS } from './kinds.js';
import type { Problems } from './problems.js';
import { HttpUrl, JsonObject, addIssues, addUnknownKeys, text } from './request-schema.js';
import { checkUrlAt, type RequestRules } from './request-rules.js';

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
