import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

async function* foldersOf(root: string): AsyncGenerator<{ folder: string; files: string[] }, undefined> {
  const hashes = join(root, 'sha256');
  for (const name of await readdir(hashes).catch(() => [])) {
    const folder = join(hashes, name);
    yield { folder, files: await readdir(folder) };
  }
}

/** How many blobs a folder of them holds. */
export async function countBlobs(root: string): Promise<number> {
  let count = 0;
  for await (const { files } of foldersOf(root)) count += files.length;
  return count;
}

/** Empties a blob folder, whose store is in use and knows its folders: the files go, the folders stay. */
export async function removeBlobs(root: string): Promise<void> {
  for await (const { folder, files } of foldersOf(root)) await Promise.all(files.map((file) => rm(join(folder, file))));
}
