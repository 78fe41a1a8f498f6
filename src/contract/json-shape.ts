import type { Problems } from './problems.js';

/** Free-form objects nest at most this deep, their own object being the first level: MongoDB refuses documents beyond 100. */
const MAX_LEVELS = 20;
/** No name of a field is as long; a path of problems, an index of MongoDB and a log would have to carry it. In UTF-16 units. */
const MAX_KEY_LENGTH = 1024;

/** What a free-form object may hold. */
export interface ObjectLimits {
  /** Of its JSON in UTF-8. */
  readonly bytes: number;
  /** Members of objects and elements of lists, at all levels. */
  readonly values: number;
}

/** What is wrong with a key, null when nothing is. */
function keyProblem(key: string): string | null {
  if (key === '__proto__') return 'Key __proto__ is not allowed';
  if (key.startsWith('$')) return 'Keys must not start with $';
  if (key.length > MAX_KEY_LENGTH) return `Keys must have at most ${MAX_KEY_LENGTH} characters`;
  if (key.includes('\0')) return 'Keys must not contain NUL';
  return null;
}

/**
 * Checks a free-form object (`metadata`, `context`): that it has at most so many bytes as JSON and so many values, and none of the
 * keys that change prototypes (`__proto__`), that MongoDB reads as operators (`$…`) or cannot store (NUL), or that are long; and
 * that it is not deep. Looks at the parsed JSON itself, because schema libraries drop an own `__proto__` silently. Whatever is no
 * object has its sentence already. The limits are looked at while it is walked, so that none costs more than what they allow.
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
  // Only a value of sane depth and size can be turned into text without exhausting stack and memory.
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
