import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { KeptPart, BlobWriter } from '../blob-store.js';
import { noteKey, PARTS } from '../blob-key.js';
import { createFsBlobWriter } from './writer.js';
import { createFsPart } from './part.js';
import { takenName, type FsPartNote, type FsPartNotes } from './part-notes.js';
import { nullIfMissing, openExisting, type FsLocation } from './files.js';
import { wrapStreamErrors, asStorageError, takenOver } from '../storage-error.js';

/**
 * The part of a key, if its file is there, as long as its note says, and not a blob at the same time (a crash cut the commit
 * off): a blob must never be written to.
 * @throws RangeError for what is not a key; ImportError storage_failed
 */
export async function findFsPart(place: FsLocation, notes: FsPartNotes, key: string): Promise<KeptPart | null> {
  noteKey(key);
  return asStorageError(async () => {
    const note = await notes.read(key);
    if (!note || note.kept === 0 || note.kept > note.total) return null;
    const file = await nullIfMissing(place.files.lstat(join(place.root, PARTS, note.file)));
    if (!file?.isFile() || file.size < note.kept || file.nlink > 1) return null;
    return createFsKeptPart(place, notes, note);
  });
}

/**
 * Removes the part of a key and its note, and what an attempt has left that died while it took the part over.
 * @throws RangeError for what is not a key; ImportError storage_failed
 */
export async function forgetFsPart(notes: FsPartNotes, key: string): Promise<void> {
  noteKey(key);
  await asStorageError(async () => {
    const note = await notes.read(key);
    if (!note) return;
    await notes.remove(key, takenName(note.file));
    await notes.remove(key, note.file);
  });
}

function createFsKeptPart(place: FsLocation, notes: FsPartNotes, note: FsPartNote): KeptPart {
  const { files, root } = place;
  const { file, kept, ...identity } = note;
  const path = join(root, PARTS, file);

  async function drop(): Promise<void> {
    await notes.remove(note.key, file).catch(() => undefined);
  }

  /**
   * rename(2) lets exactly one attempt take the part, and the name is what the writer before looks at. A crash between the two
   * renames loses the part, no more: the next attempt removes it.
   */
  async function claim(taken: string, takenPath: string): Promise<void> {
    // Before the note that leads to it is replaced.
    await notes.removeDraft(file);
    if ((await nullIfMissing(files.rename(path, takenPath).then(() => true))) === null) throw takenOver();
    try {
      await notes.write({ ...note, file: taken });
    } catch (error) {
      await files.rename(takenPath, path).catch(() => undefined);
      throw error;
    }
  }

  /** Looks again for a blob: the writer before may have linked the file just before the claim. */
  async function openClaimed(taken: string, takenPath: string): Promise<FileHandle> {
    const handle = await openExisting(files, takenPath, 'read and write');
    if (handle === null) throw takenOver();
    try {
      if ((await handle.stat()).nlink > 1) throw takenOver();
      // Collection goes by age: this part is about to grow again.
      const now = new Date();
      await handle.utimes(now, now);
      return handle;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  return {
    ...identity,
    kept,

    read: () =>
      asStorageError(async () => {
        const opened = await openExisting(files, path, 'read');
        if (!opened) throw takenOver();
        return wrapStreamErrors(opened.createReadStream({ start: 0, end: kept - 1 }));
      }),

    resume: () =>
      asStorageError(async (): Promise<BlobWriter> => {
        const taken = takenName(file);
        const takenPath = join(root, PARTS, taken);
        await claim(taken, takenPath);
        const handle = await openClaimed(taken, takenPath);
        const part = createFsPart(place, notes, identity, { file: taken, handle, kept });
        return createFsBlobWriter(place, part, note.total - kept);
      }),

    drop,
  };
}
