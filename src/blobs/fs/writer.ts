import { dirname, join } from 'node:path';
import { blobKey } from '../blob-key.js';
import type { BlobWriter } from '../blob-store.js';
import { asStorageError, errorCode } from '../storage-error.js';
import { createChunkBuffer, createWriterState } from '../write-queue.js';
import type { FsLocation } from './files.js';

/** The file that a writer fills. */
export interface FsPartFile {
  readonly path: string;
  /** Bytes that another attempt would find. */
  readonly kept: number;
  /** Makes the file on the first call, also for no bytes. */
  append(bytes: Uint8Array): Promise<void>;
  /** Makes everything durable and closes: from now on the file may get the name of a blob. */
  seal(): Promise<void>;
  /** Appends the rest, keeps what can be kept and closes. Never throws. */
  suspend(rest: Uint8Array): Promise<void>;
  /** Closes and removes. Never throws. */
  drop(): Promise<void>;
}

/**
 * Gathered before a write: four socket reads, so that a large body costs a quarter of the calls and most small ones cost one.
 * Also the memory bound of a writer.
 */
const WRITE_BYTES = 256 * 1024;

/** A blob that garbage collection removes between two checks, or a folder that was deleted: once is chance, three times is not. */
const COMMIT_TRIES = 3;

/**
 * Part file → write → fsync → link → fsync of the folder, so that a name in `sha256/` always has all of its bytes.
 * @param bytesHint announced length of what is still to come; null when unknown.
 */
export function createFsBlobWriter(place: FsLocation, part: FsPartFile, bytesHint: number | null): BlobWriter {
  const { files, folders, root } = place;
  const buffer = createChunkBuffer(WRITE_BYTES, bytesHint);
  const state = createWriterState();

  /** link(2) fails when the name exists, which rename(2) would replace: it alone tells who created the blob. */
  async function linkOrRefresh(blob: string): Promise<boolean> {
    for (let tried = 1; ; tried += 1) {
      await folders.ensure(dirname(blob));
      try {
        await files.link(part.path, blob);
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
      // What is no file would be taken for the bytes.
      if (!(await files.lstat(blob)).isFile()) throw new Error('A name of the blob store is taken by something else');
      await files.utimes(blob, now, now);
      return true;
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return false;
      throw error;
    }
  }

  return {
    get kept() {
      return part.kept;
    },

    write: (chunk) =>
      state.write(() =>
        asStorageError(async () => {
          let taken = buffer.append(chunk);
          while (taken < chunk.length) {
            const full = buffer.take();
            await part.append(full);
            buffer.giveBack(full);
            taken += buffer.append(chunk.subarray(taken));
          }
        }),
      ),

    async commit(sha256) {
      const blob = join(root, blobKey(sha256));
      state.close();
      return asStorageError(async () => {
        await part.append(buffer.take());
        await part.seal();
        const created = await linkOrRefresh(blob);
        // Also when another writer made the name: it may not have come to sync it.
        await folders.sync(dirname(blob));
        state.end();
        // The blob stands; a part that stays is collected by age like those of a crash.
        await part.drop();
        return { created };
      });
    },

    async suspend() {
      if (!state.end()) return;
      const rest = buffer.take();
      // Behind a write that failed the rest would stand in the wrong place.
      await part.suspend(state.failed ? rest.subarray(0, 0) : rest);
    },

    async discard() {
      if (!state.end()) return;
      buffer.take();
      await part.drop();
    },
  };
}
