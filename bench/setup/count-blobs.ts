import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** How many blobs a folder of them holds. */
export async function countBlobs(root: string): Promise<number> {
  const hashes = join(root, 'sha256');
  const folders = await readdir(hashes).catch(() => []);
  const counts = await Promise.all(folders.map(async (folder) => (await readdir(join(hashes, folder))).length));
  return counts.reduce((sum, each) => sum + each, 0);
}
