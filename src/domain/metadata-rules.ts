import type { MediaType, MetadataField } from './media.js';
import { cutToBytes } from './text.js';

type Config = MetadataField['config'];

const ISO_DATE = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$/;
/** RFC 3339 section 5.6; seconds and fractions may be left out, as the published examples do. */
const ISO_DATE_TIME =
  /^(\d{4}-\d\d-\d\d)T(?:[01]\d|2[0-3]):[0-5]\d(?::(?:[0-5]\d|60)(?:\.\d{1,9})?)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)?$/;

/** A reason that names them all is stored with the item, listed and sent: ten are enough to see what is wrong. */
const MAX_PROBLEMS = 10;
/** Of all sentences with what joins them, so that a reason stays below 1 KiB. */
const MAX_BYTES = 1_000;
/** Keys are the client's, and values that are allowed may be many. */
const MAX_SENTENCE_BYTES = 250;
const MAX_HANDLE_BYTES = 100;

/**
 * What is wrong with an item's metadata under its media type, one sentence a field, each beginning with the field's handle;
 * empty when nothing is. At most ten, of at most 1,000 bytes together. A field that is null counts as absent.
 */
export function metadataProblems(metadata: Readonly<Record<string, unknown>>, mediaType: MediaType): string[] {
  const problems: string[] = [];
  let bytes = 0;
  /** Answers whether there is no room for more. */
  const add = (handle: string, rule: string): boolean => {
    const sentence = cutToBytes(`${cutToBytes(handle, MAX_HANDLE_BYTES)} ${rule}`, MAX_SENTENCE_BYTES);
    bytes += Buffer.byteLength(sentence) + 2;
    if (bytes <= MAX_BYTES) problems.push(sentence);
    return problems.length === MAX_PROBLEMS || bytes > MAX_BYTES;
  };
  for (const field of mediaType.metadata) {
    const rule = brokenRule(Object.hasOwn(metadata, field.handle) ? metadata[field.handle] : undefined, field);
    if (rule !== null && add(field.handle, rule)) return problems;
  }
  if (mediaType.additionalMetadata) return problems;
  const known = new Set(mediaType.metadata.map((field) => field.handle));
  for (const key in metadata)
    if (!known.has(key) && add(key, `is not a field of the media type ${mediaType.handle}`)) return problems;
  return problems;
}

function brokenRule(value: unknown, { type, config }: MetadataField): string | null {
  const isEmpty = value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0);
  if (isEmpty) {
    if (config.required === true) return 'is required';
    if (value === undefined || value === null) return null;
  }
  const problem = typeProblem(value, type);
  return problem === 'unruled' ? null : (problem ?? limitProblem(value, config));
}

// eslint-disable-next-line complexity -- a case for each type of a field
function typeProblem(value: unknown, type: MetadataField['type']): string | null {
  switch (type) {
    case 'li-text':
      return typeof value === 'string' ? null : 'must be text';
    case 'li-integer':
      return Number.isSafeInteger(value) ? null : 'must be a whole number';
    case 'li-float':
      return typeof value === 'number' && Number.isFinite(value) ? null : 'must be a number';
    case 'li-boolean':
      return typeof value === 'boolean' ? null : 'must be true or false';
    case 'li-date':
      return typeof value === 'string' && isDate(value) ? null : 'must be a date as YYYY-MM-DD';
    case 'li-datetime':
      return typeof value === 'string' && isDateTime(value) ? null : 'must be a date and time as in ISO 8601';
    case 'li-enum':
      return typeof value === 'string' || typeof value === 'number' ? null : 'must be one of its values';
    case 'li-string-list':
      return Array.isArray(value) && value.every((entry) => typeof entry === 'string')
        ? null
        : 'must be a list of text';
    default:
      return 'unruled';
  }
}

function limitProblem(value: unknown, config: Config): string | null {
  if (Array.isArray(value)) {
    for (const entry of value as unknown[]) {
      const problem = limitProblem(entry, config);
      if (problem !== null) return `${problem} in every entry`;
    }
    return null;
  }
  if (config.enum !== undefined && !config.enum.some((allowed) => allowed === value))
    return `must be one of ${config.enum.join(', ')}`;
  if (typeof value === 'string') return lengthProblem(lengthOf(value), config);
  if (typeof value === 'number') return rangeProblem(value, config);
  return null;
}

/** In code points, as a reader counts; a copy of a million would take 8 MB. */
function lengthOf(text: string): number {
  let length = 0;
  for (let at = 0; at < text.length; at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1) length += 1;
  return length;
}

function lengthProblem(length: number, { minLength, maxLength }: Config): string | null {
  if (minLength !== undefined && length < minLength) return `must have at least ${minLength} characters`;
  if (maxLength !== undefined && length > maxLength) return `must have at most ${maxLength} characters`;
  return null;
}

function rangeProblem(value: number, { min, max }: Config): string | null {
  if (min !== undefined && value < min) return `must be at least ${min}`;
  if (max !== undefined && value > max) return `must be at most ${max}`;
  return null;
}

function isDate(value: string): boolean {
  if (!ISO_DATE.test(value)) return false;
  // 31 February parses to a day in March.
  return new Date(`${value}T00:00:00Z`).toISOString().startsWith(value);
}

function isDateTime(value: string): boolean {
  const date = ISO_DATE_TIME.exec(value)?.[1];
  return date !== undefined && isDate(date);
}
