import type { Problems } from './problems.js';
import { keyProblem, numberProblem, textProblem } from './stored-text.js';

/** Free-form objects nest at most this deep, their own object being the first level: MongoDB refuses documents beyond 100. */
const MAX_LEVELS = 20;

/**
 * Checks what a free-form object (`metadata`, `context`) must not hold: keys, text and numbers that cannot be stored as they are, and deep
 * nesting. Looks at the parsed JSON itself, because schema libraries
 * drop an own `__proto__` silently. Never goes deeper than the limit, so that no body exhausts the stack.
 * Answers whether nothing was found.
 */
function checkShape(value: unknown, path: readonly PropertyKey[], problems: Problems): boolean {
  return walk(value, [...path], 1, problems);
}

function walk(value: unknown, path: PropertyKey[], level: number, problems: Problems): boolean {
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

function scalarProblem(value: unknown): string | null {
  if (typeof value === 'string') return textProblem(value);
  return typeof value === 'number' || typeof value === 'bigint' ? numberProblem(value) : null;
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
