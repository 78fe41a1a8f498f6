/** UTF-8 has no bytes for it (RFC 3629 section 3): stored, it would come back as another character. */
const LONE_SURROGATE = /\p{Surrogate}/u;
/** No name of a field is as long; a path of problems, an index of MongoDB and a log would have to carry it. In UTF-16 units. */
const MAX_KEY_LENGTH = 1024;

/**
 * Why a text cannot be stored as it is, null when it can. The same holds for every text of a request that is kept: names, keys and
 * values.
 */
export function textProblem(text: string): string | null {
  // MongoDB takes NUL in a value and not in a key; many who read what is stored end a text there.
  if (text.includes('\0')) return 'Must not contain NUL';
  return LONE_SURROGATE.test(text) ? 'Must be well-formed Unicode, has half of a surrogate pair' : null;
}

/**
 * Why a number cannot be stored as it was written, null when it can.
 * @param value as `parseJson` answers it
 */
export function numberProblem(value: number | bigint): string | null {
  if (typeof value === 'bigint')
    return `Must be an integer from ${Number.MIN_SAFE_INTEGER} to ${Number.MAX_SAFE_INTEGER}; send a larger one as text`;
  return Number.isFinite(value) ? null : 'Must be a number of at most 1.7976931348623157e308';
}

/** Why a key of a free-form object cannot be stored, null when it can: keys that change prototypes, operators of MongoDB, long keys. */
export function keyProblem(key: string): string | null {
  if (key === '__proto__') return 'Key __proto__ is not allowed';
  if (key.startsWith('$')) return 'Keys must not start with $';
  if (key.length > MAX_KEY_LENGTH) return `Keys must have at most ${MAX_KEY_LENGTH} characters`;
  return textProblem(key)?.replace('Must', 'Keys must') ?? null;
}

/** A text of at most so many bytes of UTF-8, with an ellipsis where it was cut. A character that would be split is dropped. */
export function cutToBytes(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text;
  const begin = Buffer.from(text)
    .subarray(0, bytes - 3)
    .toString('utf8');
  return `${begin.replace(/\uFFFD+$/, '')}…`;
}

/** The question mark of a URL: one in a title ends the text, or is followed by white space or by another mark. */
const QUERY = /\?[^\s?!]/;

/**
 * A file name without the query string of the URL it was copied from: that may hold tokens. A title that merely contains a
 * question mark (`What now? A film`, `Really?!`) stays as it is.
 */
export function fileNameWithoutQuery(fileName: string): string {
  const mark = fileName.search(QUERY);
  return mark < 0 ? fileName : fileName.slice(0, mark);
}
