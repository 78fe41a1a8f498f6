import type { Problems } from './problems.js';

/** Free-form objects nest at most this deep, their own object being the first level: MongoDB refuses documents beyond 100. */
const MAX_LEVELS = 20;

/**
 * Checks what a free-form object (`metadata`, `context`) must not hold: keys that change prototypes (`__proto__`), that MongoDB
 * reads as operators (`$…`) or cannot store (NUL), and deep nesting. Looks at the parsed JSON itself, because schema libraries
 * drop an own `__proto__` silently. Never goes deeper than the limit, so that no body exhausts the stack.
 * Answers whether nothing was found.
 */
function checkShape(value: unknown, path: readonly PropertyKey[], problems: Problems): boolean {
  return walk(value, [...path], 1, problems);
}

/** What is wrong with a key, null when nothing is. */
function keyProblem(key: string): string | null {
  if (key === '__proto__') return 'Key __proto__ is not allowed';
  if (key.startsWith('$')) return 'Keys must not start with $';
  if (key.includes('\0')) return 'Keys must not contain NUL';
  return null;
}

function walk(value: unknown, path: PropertyKey[], level: number, problems: Problems): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (level > MAX_LEVELS) {
    problems.add(path, `Must nest at most ${MAX_LEVELS} levels`);
    return false;
  }
  let isClean = true;
  const isArray = Array.isArray(value);
  for (const [key, child] of Object.entries(value)) {
    if (problems.isFull()) return false;
    path.push(key);
    const problem = isArray ? null : keyProblem(key);
    if (problem !== null) problems.add(path, problem);
    isClean = walk(child, path, level + 1, problems) && problem === null && isClean;
    path.pop();
  }
  return isClean;
}

/** Checks a free-form object and that its JSON has at most `maxBytes`; whatever is no object has its sentence already. */
export function checkObject(value: unknown, path: readonly PropertyKey[], maxBytes: number, problems: Problems): void {
  if (!isObject(value)) return;
  // Only a value of sane depth can be turned into text without exhausting the stack.
  if (checkShape(value, path, problems) && Buffer.byteLength(JSON.stringify(value)) > maxBytes)
    problems.add(path, `Must be at most ${maxBytes} bytes as UTF-8 JSON`);
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
