import type { FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { BlobWriter } from '../contract/blob-store.js';
import { blobKey, newPartKey } from './blob-key.js';
import { createChunkBuffer } from './chunk-buffer.js';
import type { FsFiles } from './fs-files.js';
import type { FsFolders } from './fs-folders.js';
import { asStorageError, errorCode } from './storage-error.js';
import { createWriterState } from './writer-state.js';

/**
 * Gathered before a write: four socket reads, so that a large body costs a quarter of the calls and most small ones cost one.
 * Also the memory bound of a writer.
 */
const WRITE_BYTES = 256 * 1024;

/** A blob that garbage collection takes between two looks, or a folder that somebody removes: once is chance, thrice is not. */
const COMMIT_TRIES = 3;

export interface FsBlobWriterDeps {
  readonly files: FsFiles;
  readonly folders: FsFolders;
  readonly root: string;
}

/** Part file → write → fsync → link → fsync of the folder, so that a name in `sha256/` always has all of its bytes. */
export function createFsBlobWriter(deps: FsBlobWriterDeps, bytesHint: number | null): BlobWriter {
  const { files, folders, root } = deps;
  const part = join(root, newPartKey());
  const buffer = createChunkBuffer(WRITE_BYTES, bytesHint);
  const state = createWriterState();
  let handle: FileHandle | null = null;

  async function open(): Promise<FileHandle> {
    const folder = dirname(part);
    await folders.ensure(folder);
    try {
      return await files.open(part, 'wx');
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
      folders.forget(folder);
      await folders.ensure(folder);
      return files.open(part, 'wx');
    }
  }

  async function flush(): Promise<FileHandle> {
    handle ??= await open();
    // Unlike write(), writeFile() goes on after a short write, and it continues at the current position.
    if (buffer.length > 0) await handle.writeFile(buffer.take());
    return handle;
  }

  /** link(2) fails when the name exists, which rename(2) would replace: it alone tells who created the blob. */
  async function linkOrRefresh(blob: string): Promise<boolean> {
    for (let tried = 1; ; tried += 1) {
      await folders.ensure(dirname(blob));
      try {
        await files.link(part, blob);
        return true;
      } catch (error) {
        if (errorCode(error) === 'EEXIST') {
          if (await refresh(blob)) return false;
        } else if (errorCode(error) === 'ENOENT') {
          folders.forget(dirname(blob));
        } else {
          throw error;
        }
        if (tried === COMMIT_TRIES) throw error;
      }
    }
  }

  /**
   * Garbage collection goes by age: a blob that is about to be referenced again must look new. Answers false when it was
   * collected just now.
   */
  async function refresh(blob: string): Promise<boolean> {
    const now = new Date();
    try {
      await files.utimes(blob, now, now);
      return true;
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return false;
      throw error;
    }
  }

  return {
    async write(chunk) {
      state.assertOpen();
      await asStorageError(async () => {
        let taken = buffer.append(chunk);
        while (taken < chunk.length) {
          await flush();
          taken += buffer.append(chunk.subarray(taken));
        }
      });
    },

    async commit(sha256) {
      const blob = join(root, blobKey(sha256));
      state.close();
      return asStorageError(async () => {
        const file = await flush();
        // The length is part of what fdatasync(2) makes durable; the other metadata does not matter.
        await file.datasync();
        await file.close();
        handle = null;
        const created = await linkOrRefresh(blob);
        // Also when another writer made the name: it may not have come to sync it.
        await folders.sync(dirname(blob));
        state.end();
        // The blob stands; a part that stays is swept by age like those of a crash.
        await files.unlink(part).catch(() => undefined);
        return { created };
      });
    },

    async discard() {
      if (!state.end()) return;
      buffer.take();
      await handle?.close().catch(() => undefined);
      await files.unlink(part).catch(() => undefined);
    },
  };
}
