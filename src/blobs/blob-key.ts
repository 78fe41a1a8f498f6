import { randomUUID } from 'node:crypto';

/** The folder or key prefix of bodies that are still arriving. */
export const PARTS = 'parts';

/**
 * Where a blob lies below the root of any store: `sha256/ab/<sha256>`. 256 folders are made and synced once each; a second level
 * would cost a small file two more fsyncs until all 65,536 exist, and file systems with hashed folders do not need it.
 * @throws RangeError when it is not 64 lower-case hex digits, so that no caller can name a path of its own.
 */
export function blobKey(sha256: string): string {
  if (!/^[0-9a-f]{64}$/.test(sha256)) throw new RangeError('A blob is named by 64 lower-case hex digits');
  return `sha256/${sha256.slice(0, 2)}/${sha256}`;
}

/** A new place for a body that is still arriving; random, so that no two attempts share one. */
export function newPartKey(): string {
  return `${PARTS}/${randomUUID()}`;
}
