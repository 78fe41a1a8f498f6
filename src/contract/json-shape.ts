import type { Problems } from './problems.js';
import { keyProblem, numberProblem, textProblem } from './stored-text.js';

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
