import { join } from 'node:path';
import type { StoredPart, StoredBlob } from '../blob-store.js';
import { BLOBS, blobKey, isBlobKey, isPartKey, PARTS } from '../blob-key.js';
import { nullIfMissing, type FsLocation } from './files.js';
import { asStorageError } from '../storage-error.js';

interface ListedFile {
  readonly name: string;
  readonly bytes: number;
  readonly modifiedAt: Date;
}

/** The files of a folder whose key below the root is one of ours; foreign files may lie beside them. */
async function* listFiles(
  { files, root }: FsLocation,
  folder: string,
  isOurs: (key: string) => boolean,
): AsyncGenerator<ListedFile> {
  const names = await asStorageError(() => nullIfMissing(files.readdir(join(root, folder))));
  for (const name of names ?? []) {
    const key = `${folder}/${name}`;
    if (!isOurs(key)) continue;
    const found = await asStorageError(() => nullIfMissing(files.lstat(join(root, key))));
    if (found?.isFile()) yield { name, bytes: found.size, modifiedAt: found.mtime };
  }
}

export async function* listFsBlobs(place: FsLocation): AsyncGenerator<StoredBlob> {
  const { files, root } = place;
  const leaves = await asStorageError(() => nullIfMissing(files.readdir(join(root, BLOBS), { withFileTypes: true })));
  for (const leaf of leaves ?? []) {
    if (!leaf.isDirectory()) continue;
    for await (const { name, ...stat } of listFiles(place, `${BLOBS}/${leaf.name}`, isBlobKey)) {
      yield { sha256: name, ...stat };
    }
  }
}

/** Part files, notes and drafts of notes. */
export async function* listFsParts(place: FsLocation): AsyncGenerator<StoredPart> {
  yield* listFiles(place, PARTS, isPartKey);
}

export async function removeFsBlob({ files, root }: FsLocation, sha256: string): Promise<void> {
  const blob = join(root, blobKey(sha256));
  await asStorageError(() => nullIfMissing(files.unlink(blob)));
}

/** @throws RangeError when listFsParts cannot have given this name */
export async function removeFsPart({ files, root }: FsLocation, name: string): Promise<void> {
  const key = `${PARTS}/${name}`;
  if (!isPartKey(key)) throw new RangeError('A part file or a note is named as listParts lists it');
  await asStorageError(() => nullIfMissing(files.unlink(join(root, key))));
}
