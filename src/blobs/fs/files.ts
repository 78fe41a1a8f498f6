import { constants } from 'node:fs';
import type fs from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { LRUCache } from 'lru-cache';
import { errorCode } from '../storage-error.js';

/** The calls to the file system that the store makes; tests pass one that fails. */
export type FsFiles = Pick<typeof fs, 'link' | 'lstat' | 'mkdir' | 'open' | 'readdir' | 'rename' | 'unlink' | 'utimes'>;

interface FsFolders {
  /** Makes a folder and those above it, down from the root, and makes their names durable. Remembered. */
  ensure(path: string): Promise<void>;
  /** Makes the names inside a folder durable. */
  sync(path: string): Promise<void>;
  /** Forgets that a folder exists, after a call said that it does not. */
  forget(path: string): void;
  /** Closes the folders that are open. */
  close(): void;
}

/** Open folders at a time: all of `sha256/`, and `parts/`. */
const MAX_OPEN_FOLDERS = 257;
/**
 * A folder stays open for so long after it was opened, which at 1,000 blobs a second saves three opens of four. No longer: a folder that
 * was deleted and made again by another process would be synced in vain.
 */
const FOLDER_OPEN_MS = 1_000;

/**
 * A file's name survives a power loss only when its folder was synced, and a folder's name only when the folder above was
 * (fsync(2): "Calling fsync() does not necessarily ensure that the entry in the directory containing the file has also
 * reached disk"). Every process syncs the folders it meets once, because another one may have made them and died in between.
 */
export function createFsFolders(files: FsFiles, root: string): FsFolders {
  const ready = new Map<string, Promise<void>>();
  const opened = new LRUCache<string, Promise<FileHandle>>({
    max: MAX_OPEN_FOLDERS,
    ttl: FOLDER_OPEN_MS,
    // Without it the folders of a quiet store would stay open.
    ttlAutopurge: true,
    // Ends after the calls that are under way (FileHandle.close).
    dispose: (folder) => void folder.then((handle) => handle.close()).catch(() => undefined),
  });

  function open(path: string): Promise<FileHandle> {
    const known = opened.get(path);
    if (known !== undefined) return known;
    const folder = files.open(path, 'r');
    opened.set(path, folder);
    folder.catch(() => opened.delete(path));
    return folder;
  }

  async function sync(path: string): Promise<void> {
    const folder = await open(path);
    await folder.sync();
  }

  async function make(path: string): Promise<void> {
    if (path === root) {
      await files.mkdir(root, { recursive: true });
      return;
    }
    const parent = dirname(path);
    await ensure(parent);
    await files.mkdir(path, { recursive: true });
    await sync(parent);
  }

  function forget(path: string): void {
    for (let folder = path; ready.delete(folder) && folder !== root; folder = dirname(folder)) opened.delete(folder);
  }

  function ensure(path: string): Promise<void> {
    const known = ready.get(path);
    if (known) return known;
    const made = make(path);
    ready.set(path, made);
    made.catch(() => {
      forget(path);
    });
    return made;
  }

  const close = (): void => {
    opened.clear();
  };

  return { ensure, sync, forget, close };
}

/** A folder tree of a store. */
export interface FsLocation {
  readonly files: FsFiles;
  readonly folders: FsFolders;
  readonly root: string;
  readonly checkpointBytes: number;
}

/** Makes a file, which must not exist unless `flags` say that it may, and its folder again when it was deleted. */
export async function openNew(
  { files, folders }: FsLocation,
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
