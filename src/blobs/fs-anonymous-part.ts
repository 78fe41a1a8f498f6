import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { newPartKey } from './blob-key.js';
import type { FsPartFile } from './fs-part-file.js';
import { type FsPlace, openNew } from './fs-place.js';

/** A part that no other attempt will look for. */
export function createFsAnonymousPart(place: FsPlace): FsPartFile {
  const path = join(place.root, newPartKey());
  let handle: FileHandle | null = null;

  async function drop(): Promise<void> {
    await handle?.close().catch(() => undefined);
    await place.files.unlink(path).catch(() => undefined);
  }

  return {
    path,
    kept: 0,

    async append(bytes) {
      handle ??= await openNew(place, path);
      // Unlike write(), writeFile() goes on after a short write, and it continues at the current position.
      if (bytes.length > 0) await handle.writeFile(bytes);
    },

    async seal() {
      // The length is part of what fdatasync(2) makes durable; the other metadata does not matter.
      await handle?.datasync();
      await handle?.close();
      handle = null;
    },

    suspend: drop,
    drop,
  };
}
