import type { Refused } from './api-client.js';

/** Where the items of a refused batch came from. */
export interface ItemLines {
  /** The key of the items in the body. */
  readonly plural: string;
  /** The line of each, counted from 1; null when they did not come from lines. */
  readonly lines: readonly number[] | null;
}

/** The refusal with every sentence of the API, at the lines of the file where it has them. */
export function refusalOf(refused: Refused, { plural, lines }: ItemLines = { plural: '', lines: null }): string {
  const sentences = Object.entries(refused.details).map(([path, sentence]) => {
    const [key, index, ...rest] = path.split('.');
    const line = key === plural ? lines?.[Number(index)] : undefined;
    const place = line === undefined ? path : [`line ${line}`, ...rest].join(', ');
    return `  ${place}: ${typeof sentence === 'string' ? sentence : JSON.stringify(sentence)}`;
  });
  return [refused.message, ...sentences].join('\n');
}
