import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { MAX_ITEMS } from '../contract/import-request.js';
import type { KindPlural } from '../contract/kinds.js';
import { readCsvItems } from './csv-items.js';
import { readNdjsonBatch } from './ndjson-batch.js';

/** A batch as it was read from a file. */
export interface BatchFile {
  readonly body: Record<string, unknown>;
  /** The line that each item stands on, counted from 1; null for JSON. */
  readonly lines: readonly number[] | null;
}

/** What belongs to the batch and not to an item; stands above what the file says. */
export interface BatchFields {
  readonly systemName?: string;
  readonly webhook?: string;
  readonly context?: Record<string, unknown>;
  readonly priority?: number;
}

/** More is refused by the API anyway, and would be read into memory first. */
const MAX_BYTES = 64 * 1024 * 1024;

/**
 * Reads a batch from a .json file (the body of the POST), an .ndjson file (first line the batch without its items, then one item
 * a line) or a .csv file (columns url, id, fileName, mediaType, metadata.*).
 * @throws Error that names the file, and the line where there is one
 */
export async function readBatchFile(file: string, plural: KindPlural, fields: BatchFields): Promise<BatchFile> {
  const text = await textOf(file);
  try {
    const read = parse(extname(file).toLowerCase(), text, plural);
    const items = read.body[plural];
    if (read.lines !== null && Array.isArray(items) && items.length > MAX_ITEMS)
      throw new Error(`has ${items.length} items, a batch has at most ${MAX_ITEMS}`);
    return { body: { ...read.body, ...fields }, lines: read.lines };
  } catch (cause) {
    throw new Error(`${file}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

function parse(extension: string, text: string, plural: KindPlural): BatchFile {
  switch (extension) {
    case '.json':
      return { body: jsonObject(text), lines: null };
    case '.ndjson':
    case '.jsonl':
      return readNdjsonBatch(text, plural);
    case '.csv': {
      const { items, lines } = readCsvItems(text);
      return { body: { [plural]: items }, lines };
    }
    default:
      throw new Error('must end in .json, .ndjson or .csv');
  }
}

async function textOf(file: string): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (cause) {
    throw new Error(`${file} cannot be read`, { cause });
  }
  if (bytes.length > MAX_BYTES) throw new Error(`${file} has more than ${MAX_BYTES / 1024 ** 2} MiB`);
  return bytes.toString('utf8').replace(/^\uFEFF/, '');
}

function jsonObject(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new Error(`is not valid JSON: ${cause instanceof Error ? cause.message : ''}`, { cause });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new Error('must hold a JSON object');
}
