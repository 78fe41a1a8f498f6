import { chmod, mkdir, stat } from 'node:fs/promises';
import { parseBlobStoreUrl } from '../blobs/blob-store-url.js';
import type { Config } from '../config.js';
import { createReach } from '../crash-at.js';
import { httpSettings } from '../http-settings.js';
import { loadMediaTypes } from '../media-types-file.js';
import type { Progress } from './progress.js';

/**
 * Checks what the gateway or the worker would refuse when they start. Otherwise that is told only after both servers have started,
 * as the end of a log.
 * @throws Error that names the setting
 */
export async function checkSettings(config: Config): Promise<void> {
  createReach(config.CRASH_AT);
  if (config.BLOB_STORE_URL !== undefined) parseBlobStoreUrl(config.BLOB_STORE_URL, config.DATA_DIR);
  await loadMediaTypes(config.MEDIA_TYPES_FILE);
  // Without either of the two `start` makes a secret.
  if (config.TOKEN_JWKS_FILE !== undefined) await httpSettings(config);
}

/** Databases, logs, blobs and secrets: the owner's alone. */
const FOLDER_MODE = 0o700;
const OTHERS = 0o077;
/** Set on folders that many users share, such as /tmp. */
const STICKY = 0o1000;

/**
 * Makes the data folder, and everything that this process and its children will make in it, the owner's alone. A folder of an
 * earlier version is closed to others.
 * @throws Error when the folder belongs to another user or is shared by design
 */
export async function prepareDataDir(dataDir: string, report: Progress): Promise<void> {
  // Handed on to every child: the files of both servers as well.
  process.umask(OTHERS);
  await mkdir(dataDir, { recursive: true, mode: FOLDER_MODE });
  const { mode, uid } = await stat(dataDir);
  // Windows has other rights, and reports none of these.
  if (process.platform === 'win32' || (mode & OTHERS) === 0) return;
  if ((mode & STICKY) !== 0 || uid !== process.getuid?.())
    throw new Error(`${dataDir} is not this user's alone: choose a folder of its own with DATA_DIR`);
  await chmod(dataDir, FOLDER_MODE);
  report(`${dataDir} was readable by other users and is not any more`);
}
