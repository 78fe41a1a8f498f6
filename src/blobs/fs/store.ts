import fs, { type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { BlobStore } from '../blob-store.js';
import { blobKey, newPartKey, PARTS } from '../blob-key.js';
import { createFsAnonymousPart, CHECKPOINT_BYTES, createFsPart } from './part.js';
import { createFsBlobWriter } from './writer.js';
import { createFsFolders, nullIfMissing, openExisting, type FsFiles } from './files.js';
import { findFsPart, forgetFsPart } from './kept-part.js';
import { listFsBlobs, listFsParts, removeFsBlob, removeFsPart } from './listing.js';
import { createFsPartNotes } from './part-notes.js';
import { wrapStreamErrors, asStorageError } from '../storage-error.js';

export interface FsBlobStoreOptions {
  /** Absolute folder, made when it does not exist. One file system: parts are linked into place. */
  readonly root: string;
  readonly files?: FsFiles;
  /** How much of a body that may be continued is written between two notes about it; 16 MiB by default. */
  readonly checkpointBytes?: number;
}

/**
 * Blobs as files `<root>/sha256/ab/<sha256>`; bodies that are still arriving are in `<root>/parts/`. Any number of processes
 * may share a root. A body that may be continued has a note beside its part, `parts/<key>.json`. What a process that died leaves is
 * collected by `listParts` and `removePart`.
 */
export function createFsBlobStore(options: FsBlobStoreOptions): BlobStore {
  const { root, files = fs, checkpointBytes = CHECKPOINT_BYTES } = options;
  const folders = createFsFolders(files, root);
  const place = { files, folders, root, checkpointBytes };
  const notes = createFsPartNotes(place);

  async function streamOf(file: FileHandle, range: { start: number; end: number } | undefined): Promise<Readable> {
    try {
      const last = (await file.stat()).size - 1;
      const start = range?.start ?? 0;
      const end = Math.min(range?.end ?? last, last);
      if (start <= end) return wrapStreamErrors(file.createReadStream({ start, end }));
    } catch (error) {
      await file.close();
      throw error;
    }
    await file.close();
    return Readable.from([], { objectMode: false });
  }

  return {
    async createWriter(bytesHint, identity) {
      if (!identity) return createFsBlobWriter(place, createFsAnonymousPart(place), bytesHint);
      await forgetFsPart(notes, identity.key);
      return createFsBlobWriter(place, createFsPart(place, notes, identity), bytesHint);
    },

    findPart: (key) => findFsPart(place, notes, key),
    forgetPart: (key) => forgetFsPart(notes, key),

    async stat(sha256) {
      const blob = join(root, blobKey(sha256));
      const found = await asStorageError(() => nullIfMissing(files.lstat(blob)));
      return found?.isFile() ? { bytes: found.size, modifiedAt: found.mtime } : null;
    },

    async read(sha256, range) {
      const blob = join(root, blobKey(sha256));
      return asStorageError(async () => {
        const file = await openExisting(files, blob, 'read');
        return file && streamOf(file, range);
      });
    },

    listBlobs: () => listFsBlobs(place),
    remove: (sha256) => removeFsBlob(place, sha256),
    listParts: () => listFsParts(place),
    removePart: (name) => removeFsPart(place, name),

    // Only a byte that arrives tells a full or read-only disk from a healthy one.
    ping: () =>
      asStorageError(async () => {
        const probe = join(root, newPartKey());
        await files.mkdir(join(root, PARTS), { recursive: true });
        const file = await files.open(probe, 'wx');
        try {
          await file.writeFile('.');
        } finally {
          await file.close();
          await files.unlink(probe);
        }
      }),

    close: () => {
      folders.close();
      return Promise.resolve();
    },
  };
}
