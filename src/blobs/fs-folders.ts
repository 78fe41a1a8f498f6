import { dirname } from 'node:path';
import type { FsFiles } from './fs-files.js';

export interface FsFolders {
  /** Makes a folder and those above it, down from the root, and makes their names durable. Remembered. */
  ensure(path: string): Promise<void>;
  /** Makes the names inside a folder durable. */
  sync(path: string): Promise<void>;
  /** Forgets that a folder exists, after a call said that it does not. */
  forget(path: string): void;
}

/**
 * A file's name survives a power loss only when its folder was synced, and a folder's name only when the folder above was
 * (fsync(2): "Calling fsync() does not necessarily ensure that the entry in the directory containing the file has also
 * reached disk"). Every process syncs the folders it meets once, because another one may have made them and died in between.
 */
export function createFsFolders(files: FsFiles, root: string): FsFolders {
  const ready = new Map<string, Promise<void>>();

  async function sync(path: string): Promise<void> {
    const folder = await files.open(path, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
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
    for (let folder = path; ready.delete(folder) && folder !== root; folder = dirname(folder));
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

  return { ensure, sync, forget };
}
