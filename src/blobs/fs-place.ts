import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { FsFiles } from './fs-files.js';
import type { FsFolders } from './fs-folders.js';
import { errorCode } from './storage-error.js';

/** A folder tree of a store. */
export interface FsPlace {
  readonly files: FsFiles;
  readonly folders: FsFolders;
  readonly root: string;
  readonly checkpointBytes: number;
}

/** Makes a file, which must not exist unless `flags` say that it may, and its folder again when it was deleted. */
export async function openNew(
  { files, folders }: FsPlace,
  path: string,
  flags: 'wx' | 'w' = 'wx',
): Promise<FileHandle> {
  const folder = dirname(path);
  await folders.ensure(folder);
  try {
    return await files.open(path, flags);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    folders.forget(folder);
    await folders.ensure(folder);
    return files.open(path, flags);
  }
}

/**
 * Opens a file that is there, a symbolic link never: another user with write access to the folder could point it at a file that is none of
 * ours. Such a name counts as missing.
 */
export async function openExisting(
  files: FsFiles,
  path: string,
  access: 'read' | 'read and write',
): Promise<FileHandle | null> {
  const { O_RDONLY, O_RDWR } = constants;
  // Windows has no such flag, and links there only for administrators.
  const noFollow = (constants as Partial<typeof constants>).O_NOFOLLOW ?? 0;
  try {
    return await files.open(path, (access === 'read' ? O_RDONLY : O_RDWR) | noFollow);
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ELOOP') return null;
    throw error;
  }
}

export async function nullIfMissing<T>(operation: Promise<T>): Promise<T | null> {
  try {
    return await operation;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw error;
  }
}
