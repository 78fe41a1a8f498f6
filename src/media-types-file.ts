import { readFile } from 'node:fs/promises';
import { defaultMediaTypes, parseMediaTypes } from './contract/media-type-config.js';
import type { MediaTypes } from './contract/media-type.js';

/**
 * The media types of MEDIA_TYPES_FILE, or the defaults without one.
 * @throws Error that names the file and every rule that it breaks
 */
export async function loadMediaTypes(file: string | undefined): Promise<MediaTypes> {
  if (file === undefined) return defaultMediaTypes();
  try {
    return parseMediaTypes(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`MEDIA_TYPES_FILE ${file}: ${why}`, { cause: error });
  }
}
