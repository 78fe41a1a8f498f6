import { readFile } from 'node:fs/promises';
import type { z } from 'zod';
import { errorCode } from './error-code.js';

/**
 * Reads a JSON file that this package wrote.
 * @returns null when there is none
 * @throws Error that names the file when its content is something else
 */
export async function readJsonFile<T>(file: string, schema: z.ZodType<T>): Promise<T | null> {
  let content: string;
  try {
    content = await readFile(file, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw error;
  }
  try {
    return schema.parse(JSON.parse(content));
  } catch (cause) {
    throw new Error(`${file} cannot be read: it was not written by this version, or was changed`, { cause });
  }
}
