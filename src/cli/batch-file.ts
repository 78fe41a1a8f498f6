import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { parseJson } from '../contract/parse-json.js';
import { numberProblem } from '../contract/stored-text.js';
import { escapeControls } from '../telemetry/escape-controls.js';
import type { BatchFields, PostBody } from './post-body.js';
import { csvBody, ndjsonBody } from './lines-body.js';

/** More is refused by the API anyway, and would be read into memory first. Files of lines have no limit. */
const MAX_JSON_BYTES = 64 * 1024 * 1024;

/**
 * What to post of a .json file (the body of the POST), an .ndjson file (first line the batch without its items, then one item
 * a line) or a .csv file (columns url, id, fileName, mediaType, metadata.*). Files of lines are read while they are sent.
 * @param fields stand above what the file says
 * @throws Error that names the file
 */
export async function readBatchFile(file: string, fields: BatchFields): Promise<PostBody> {
  const bytes = await sizeOf(file);
  switch (extname(file).toLowerCase()) {
    case '.json':
      if (bytes > MAX_JSON_BYTES) throw new Error(`${file} has more than ${MAX_JSON_BYTES / 1024 ** 2} MiB`);
      return jsonBody(file, await readFile(file, 'utf8'), fields);
    case '.ndjson':
    case '.jsonl':
      return ndjsonBody(() => createReadStream(file), fields);
    case '.csv':
      return csvBody(() => createReadStream(file), fields);
    default:
      throw new Error(`${file}: must end in .json, .ndjson or .csv`);
  }
}

async function sizeOf(file: string): Promise<number> {
  try {
    const found = await stat(file);
    if (found.isFile()) return found.size;
  } catch (cause) {
    throw new Error(`${file} cannot be read`, { cause });
  }
  throw new Error(`${file} cannot be read: it is no file`);
}

function jsonBody(file: string, text: string, fields: BatchFields): PostBody {
  let value: unknown;
  try {
    value = parseJson(text.replace(/^\uFEFF/, ''));
  } catch (cause) {
    // It quotes the file.
    const why = cause instanceof Error ? escapeControls(cause.message) : '';
    throw new Error(`${file}: is not valid JSON: ${why}`, { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(`${file}: must hold a JSON object`);
  return { type: 'application/json; charset=utf-8', query: '', body: JSON.stringify({ ...value, ...fields }, kept) };

  // Written out again, such a number would be another one, which the API could not tell any more.
  function kept(key: string, child: unknown): unknown {
    const problem = typeof child === 'number' || typeof child === 'bigint' ? numberProblem(child) : null;
    if (problem !== null) throw new Error(`${file}: ${key}: ${problem}`);
    return child;
  }
}
