import { statfs } from 'node:fs/promises';
import { size } from '../report/units.js';
import { removeBlobs } from './stored-blobs.js';

/** Of the bytes of a round: it is not to be the one that fills the disk. */
const RESERVE = 1.2;
/** Of what was free at the beginning: the rest is for whatever else the machine does. */
const KEPT_SHARE = 0.5;

export interface DiskRoom {
  /** Makes room for a round, and answers why there is none, or null. */
  make(bytes: number): Promise<string | null>;
}

/**
 * Keeps what runs have stored as long as there is room. Removed files would cost the runs after them: ext4 gives the inode of a
 * file out again 60 to 300 s after its removal (`recently_deleted` in fs/ext4/ialloc.c), and looks past all of those for each new
 * file. With 10,000 files removed between runs every contender took twice the system time.
 * @param folders all blob folders, on one file system
 */
export async function createDiskRoom(folders: readonly string[]): Promise<DiskRoom> {
  const folder = folders[0] ?? '/';
  const free = async (): Promise<number> => {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  };
  const first = await free();
  return {
    async make(bytes) {
      if ((await free()) - bytes * RESERVE < first * KEPT_SHARE) for (const each of folders) await removeBlobs(each);
      const left = await free();
      return left > bytes * RESERVE ? null : `it needs ${size(bytes * RESERVE)} of disk and ${size(left)} are free`;
    },
  };
}
