import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Empties a blob folder, whose store is in use and knows its folders: the files go, the folders stay. */
export async function removeBlobs(root: string): Promise<void> {
  const hashes = join(root, 'sha256');
  for (const folder of await readdir(hashes).catch(() => [])) {
    const files = await readdir(join(hashes, folder));
    await Promise.all(files.map((file) => rm(join(hashes, folder, file))));
  }
}
