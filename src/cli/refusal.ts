import { escapeControls } from '../telemetry/escape-controls.js';
import type { Refused } from './api-client.js';

/** The path of a problem of a line, as the API writes it: `line.12.url`. */
const LINE_PATH = /^line\.(\d+)(?:\.(.+))?$/s;

/** What belongs to the batch, and how the command line gives it. */
const OPTIONS: ReadonlyMap<string, string> = new Map([
  ['systemName', '--system-name'],
  ['webhook', '--webhook'],
  ['context', '--context'],
  ['priority', '--priority'],
]);

const ADVICE: ReadonlyMap<number, string> = new Map([
  [401, 'Give another token with --token or DURABLE_IMPORT_TOKEN; token create prints a new one'],
  [403, 'token create --project ID --scope "public-api:read public-api:write" prints a token that has both scopes'],
  [404, 'Check the id, and that the token belongs to the project of the import'],
  [429, 'The token has asked too often: try again in a minute'],
]);

/** The refusal with every sentence of the API, at the lines of the file where it names them, and what to do about it. */
export function refusalOf(refused: Refused): string {
  const sentences = Object.entries(refused.details).map(([path, sentence]) => {
    const text = typeof sentence === 'string' ? sentence : JSON.stringify(sentence);
    return `  ${escapeControls(placeOf(path))}: ${escapeControls(text)}`;
  });
  const advice = ADVICE.get(refused.status);
  return [escapeControls(refused.message), ...sentences, ...(advice === undefined ? [] : [advice])].join('\n');
}

function placeOf(path: string): string {
  const [, line, rest] = LINE_PATH.exec(path) ?? [];
  const name = line === undefined ? path : rest;
  const option = OPTIONS.get(name ?? '');
  const place = [...(line === undefined ? [] : [`line ${line}`]), ...(name === undefined ? [] : [name])].join(', ');
  return option === undefined ? place : `${place} (${option})`;
}
