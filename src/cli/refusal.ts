import type { Refused } from './api-client.js';

/** The path of a problem of a line, as the API writes it: `line.12.url`. */
const LINE_PATH = /^line\.(\d+)(?:\.(.+))?$/s;

/** The refusal with every sentence of the API, at the lines of the file where it names them. */
export function refusalOf(refused: Refused): string {
  const sentences = Object.entries(refused.details).map(([path, sentence]) => {
    const [, line, rest] = LINE_PATH.exec(path) ?? [];
    const place = line === undefined ? path : [`line ${line}`, ...(rest === undefined ? [] : [rest])].join(', ');
    return `  ${place}: ${typeof sentence === 'string' ? sentence : JSON.stringify(sentence)}`;
  });
  return [refused.message, ...sentences].join('\n');
}
