import type { KindPlural } from '../contract/kinds.js';

/** More would scroll away. */
const MAX_PROBLEMS = 20;

/**
 * Reads newline-delimited JSON: the first line is the batch without its items, every further one an item. Empty lines count but
 * hold nothing.
 * @throws Error that names every line that is not a JSON object, the first 20
 */
export function readNdjsonBatch(
  text: string,
  plural: KindPlural,
): { body: Record<string, unknown>; lines: readonly number[] } {
  const problems: string[] = [];
  const rows: { line: number; value: Record<string, unknown> }[] = [];
  for (const [index, content] of text.split(/\r?\n/).entries()) {
    if (content.trim() === '') continue;
    const value = objectOf(content);
    if (value === null) problems.push(`line ${index + 1} is not a JSON object`);
    else rows.push({ line: index + 1, value });
    if (problems.length === MAX_PROBLEMS) break;
  }
  if (problems.length > 0) throw new Error(problems.join('\n  '));
  const [batch, ...items] = rows;
  if (batch === undefined) throw new Error('is empty: the first line must be the batch without its items');
  if (Object.hasOwn(batch.value, 'url'))
    throw new Error(
      `line ${batch.line} is an item: the first line must be the batch without its items, such as {"systemName":"my-cms"}`,
    );
  return {
    body: { ...batch.value, [plural]: items.map(({ value }) => value) },
    lines: items.map(({ line }) => line),
  };
}

function objectOf(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
