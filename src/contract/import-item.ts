import { z } from 'zod';
import { fileNameWithoutQuery } from './file-name.js';
import type { ItemSpec } from './item.js';
import { checkObject, isObject } from './json-shape.js';
import { KINDS } from './kinds.js';
import type { Problems } from './problems.js';
import { HttpUrl, JsonObject, addIssues, text } from './request-schema.js';
import { checkUrlAt, type RequestRules } from './request-rules.js';

/** Keeps a document with its metadata below MongoDB's 16 MiB: BSON of JSON grows at most sixfold. */
const MAX_METADATA_BYTES = 1024 * 1024;

const RequestItem = z.strictObject({
  url: HttpUrl,
  id: text(500),
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
  return { url, externalId: id, fileName: cleanName, metadata, mediaType, host };
}
