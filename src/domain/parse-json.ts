/** Where a number of 16 digits begins that is a value; text may look like it, too. 2^53 has 16. */
const MAY_HAVE_LONG = /[:[,]\s*-?\d{16}/;
/** A number that begins with 16 digits: not its fraction, not its exponent. */
const LONG = /(?<![\d.eE+-])-?\d{16}[\d.eE+-]*/g;
const LONG_INTEGER = /^-?\d+(?:\.\d+)?$/;
/** As many as are reported. One is enough to refuse a body. */
const MAX_FOUND = 100;
/** Deeper than any body may nest, and far from what exhausts the stack. */
const MAX_DEPTH = 50;

/**
 * Parses JSON, but answers an integer beyond 2^53 as a bigint: a double would be another number (RFC 8259 section 6), and
 * validation recognizes it by its type. 1e300 is meant as a double. Of very many such integers only the first are converted.
 * @throws SyntaxError
 */
export function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (!MAY_HAVE_LONG.test(text)) return value;
  const long = longNumbers(text);
  return long.size === 0 ? value : withBigInts(value, long);
}

/** The doubles that integers beyond 2^53 of a valid JSON text have become. */
function longNumbers(text: string): ReadonlySet<number> {
  const found = new Set<number>();
  let count = 0;
  let from = 0;
  while (from < text.length && count < MAX_FOUND) {
    const quote = text.indexOf('"', from);
    const end = quote === -1 ? text.length : quote;
    // Most of what stands between two strings is too short.
    const between = end - from < 16 ? '' : text.slice(from, end);
    for (const [number] of between.matchAll(LONG)) {
      if (!LONG_INTEGER.test(number) || Math.abs(Number(number)) <= Number.MAX_SAFE_INTEGER) continue;
      found.add(Number(number));
      count += 1;
      if (count === MAX_FOUND) break;
    }
    from = quote === -1 ? end : endOfString(text, quote);
  }
  return found;
}

/** The place behind a string that begins with the quote at this place. */
function endOfString(text: string, quote: number): number {
  for (let at = text.indexOf('"', quote + 1); at !== -1; at = text.indexOf('"', at + 1)) {
    let backslashes = 0;
    while (text[at - 1 - backslashes] === '\\') backslashes += 1;
    if (backslashes % 2 === 0) return at + 1;
  }
  return text.length;
}

/** Replaces these numbers in place: the value has no other owner yet. */
function withBigInts(root: unknown, long: ReadonlySet<number>): unknown {
  let left = MAX_FOUND;
  const replaced = (value: unknown, depth: number): unknown => {
    if (typeof value === 'number' && long.has(value) && Number.isFinite(value)) {
      left -= 1;
      return BigInt(value);
    }
    if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return value;
    const holder = value as Record<string | number, unknown>;
    const replaceAt = (key: string | number): boolean => {
      const child = replaced(holder[key], depth + 1);
      // Assigned to, __proto__ would be no key.
      if (child !== holder[key]) Object.defineProperty(holder, key, { value: child });
      return left > 0;
    };
    // Keys of a long list would be as many strings.
    if (!Array.isArray(value)) Object.keys(holder).every(replaceAt);
    else for (let at = 0; at < value.length && replaceAt(at); at += 1);
    return value;
  };
  return replaced(root, 0);
}
