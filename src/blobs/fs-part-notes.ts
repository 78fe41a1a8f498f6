import { join } from 'node:path';
import { z } from 'zod';
import { newPartKey, noteKey } from './blob-key.js';
import { nullIfMissing, openExisting, openNew, type FsPlace } from './fs-place.js';
import { parseNote, PartIdentityFields } from './part-note.js';

const Note = z.object({
  ...PartIdentityFields,
  /** Name of the part file, a UUID: a note can never name a path elsewhere. */
  file: z.uuid(),
  kept: z.int().positive(),
});

/** `kept` bytes of the body are durable in the part file. */
export type FsPartNote = z.infer<typeof Note>;

export interface FsPartNotes {
  read(key: string): Promise<FsPartNote | null>;
  /** In one step: a reader finds the older note or this one. Called only when the bytes that it tells of are durable. */
  write(note: FsPartNote): Promise<void>;
  /** Removes the note if it still tells of that file: it may have become the note of another attempt. */
  remove(key: string, file: string): Promise<void>;
}

/**
 * Notes are not synced: a power loss leaves an older one, an empty one or none, so more has to be fetched again, but none that
 * promises bytes which are not there.
 */
export function createFsPartNotes(place: FsPlace): FsPartNotes {
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

  return {
    read,

    async write(note) {
      const draft = join(root, newPartKey());
      const file = await openNew(place, draft);
      try {
        try {
          await file.writeFile(JSON.stringify(note));
        } finally {
          await file.close();
        }
        await files.rename(draft, join(root, noteKey(note.key)));
      } catch (error) {
        await files.unlink(draft).catch(() => undefined);
        throw error;
      }
    },

    async remove(key, file) {
      if ((await read(key))?.file === file) await nullIfMissing(files.unlink(join(root, noteKey(key))));
    },
  };
}
