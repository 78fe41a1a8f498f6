import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { draftKey, noteKey, PARTS, parseNote, PartIdentityFields } from '../blob-key.js';
import { nullIfMissing, openExisting, openNew, type FsLocation } from './files.js';

const Note = z.object({
  ...PartIdentityFields,
  /** Name of the part file, a UUID: a note can never name a path elsewhere. */
  file: z.uuid(),
  /** 0 from before the file is made until the first checkpoint. */
  kept: z.int().nonnegative(),
});

/** `kept` bytes of the body are durable in the part file. */
export type FsPartNote = z.infer<typeof Note>;

export interface FsPartNotes {
  read(key: string): Promise<FsPartNote | null>;
  /** Notes a file that is not made yet. */
  begin(note: Omit<FsPartNote, 'kept'>): Promise<void>;
  /** In one step: a reader finds the older note or this one. Called only when the bytes that it tells of are durable. */
  write(note: FsPartNote): Promise<void>;
  /** Removes the draft that an attempt left which died while it wrote a note about this file. */
  removeDraft(file: string): Promise<void>;
  /** Removes the file, then the note if it still tells of that file: it may have become the note of another attempt. */
  remove(key: string, file: string): Promise<void>;
}

/**
 * The name of a part file once the next attempt has taken it over. It follows from the name before, so that the note before finds
 * the file of an attempt that died before it noted the new name. A UUID of version 8 (RFC 9562 section 5.8), made of a hash.
 */
export function takenName(file: string): string {
  const hash = createHash('sha256').update(file).digest('hex');
  const groups = [hash.slice(0, 8), hash.slice(8, 12), `8${hash.slice(13, 16)}`, `8${hash.slice(17, 20)}`];
  return [...groups, hash.slice(20, 32)].join('-');
}

/**
 * Notes are not synced: a power loss leaves an older one, an empty one or none, so more has to be fetched again, but none that
 * promises bytes which are not there. When only the process dies, its note leads to all that it left: the note is there before the
 * file, is removed after it, and drafts have the name of the file.
 */
export function createFsPartNotes(place: FsLocation): FsPartNotes {
  const { files, root } = place;

  async function read(key: string): Promise<FsPartNote | null> {
    const file = await openExisting(files, join(root, noteKey(key)), 'read');
    if (file === null) return null;
    try {
      return parseNote(Note, await file.readFile('utf8'), key);
    } finally {
      await file.close();
    }
  }

  async function fill(path: string, flags: 'w' | 'wx', note: FsPartNote): Promise<void> {
    const file = await openNew(place, path, flags);
    try {
      await file.writeFile(JSON.stringify(note));
    } finally {
      await file.close();
    }
  }

  const removeDraft = async (file: string): Promise<void> => {
    await nullIfMissing(files.unlink(join(root, draftKey(file))));
  };

  return {
    read,
    removeDraft,

    async begin(note) {
      const path = join(root, noteKey(note.key));
      try {
        // In place: of a note that a crash cuts off there is no file yet.
        await fill(path, 'w', { ...note, kept: 0 });
      } catch (error) {
        await files.unlink(path).catch(() => undefined);
        throw error;
      }
    },

    async write(note) {
      const draft = join(root, draftKey(note.file));
      try {
        await fill(draft, 'wx', note);
        await files.rename(draft, join(root, noteKey(note.key)));
      } catch (error) {
        await files.unlink(draft).catch(() => undefined);
        throw error;
      }
    },

    async remove(key, file) {
      await nullIfMissing(files.unlink(join(root, PARTS, file)));
      await removeDraft(file);
      if ((await read(key))?.file === file) await nullIfMissing(files.unlink(join(root, noteKey(key))));
    },
  };
}
