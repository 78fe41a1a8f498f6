import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { PartIdentity } from './blob-store.js';

/** The folder or key prefix of bodies that are still arriving. */
export const PARTS = 'parts';
/** The folder or key prefix of blobs. */
export const BLOBS = 'sha256';

const BLOB = /^sha256\/([0-9a-f]{2})\/\1[0-9a-f]{62}$/;
const PART = /^parts\/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(\.draft)?$/;
const NOTE = /^parts\/[A-Za-z0-9._-]{1,200}\.json$/;

/**
 * Where a blob lies below the root of any store: `sha256/ab/<sha256>`. 256 folders are made and synced once each; a second level
 * would cost a small file two more fsyncs until all 65,536 exist, and file systems with hashed folders do not need it.
 * @throws RangeError when it is not 64 lower-case hex digits, so that no caller can name a path of its own.
 */
export function blobKey(sha256: string): string {
  if (!/^[0-9a-f]{64}$/.test(sha256)) throw new RangeError('A blob is named by 64 lower-case hex digits');
  return `${BLOBS}/${sha256.slice(0, 2)}/${sha256}`;
}

/** A new place for a body that is still arriving; random, so that no two attempts share one. */
export function newPartKey(): string {
  return `${PARTS}/${randomUUID()}`;
}

/** Where a new note about a part file is written before it takes the place of the one before. */
export function draftKey(file: string): string {
  return `${PARTS}/${file}.draft`;
}

/**
 * Where the note about a kept part lies: `parts/<key>.json`. Colons, which some file systems refuse, become dots, which no key
 * has: different keys have different notes, and none is named like a part.
 * @throws RangeError when the key is not 1–200 characters of `A-Za-z0-9:_-`, so that no caller can name a path of its own.
 */
export function noteKey(key: string): string {
  if (!/^[A-Za-z0-9:_-]{1,200}$/.test(key)) throw new RangeError('A part is named by 1-200 characters of A-Za-z0-9:_-');
  return `${PARTS}/${key.replaceAll(':', '.')}.json`;
}

/** Whether something below the root is a blob of ours: the place may be shared. */
export function isBlobKey(key: string): boolean {
  return BLOB.test(key);
}

/** Whether something below the root belongs to a body that is or was arriving. */
export function isPartKey(key: string): boolean {
  return PART.test(key) || NOTE.test(key);
}

/** What every note about a kept part says; each store adds where its bytes are. */
export const PartIdentityFields = {
  key: z.string(),
  etag: z.string(),
  total: z.int().positive(),
  restarts: z.int().nonnegative(),
  contentType: z.string().exactOptional(),
};

/** A note from its text; null for anything that is not a note about this key, such as what a crash left of one. */
export function parseNote<T extends PartIdentity>(schema: z.ZodType<T>, text: string, key: string): T | null {
  try {
    const note = schema.parse(JSON.parse(text));
    return note.key === key ? note : null;
  } catch {
    return null;
  }
}
