import type fs from 'node:fs/promises';

/** The calls to the file system that the store makes; tests pass one that fails. */
export type FsFiles = Pick<typeof fs, 'link' | 'lstat' | 'mkdir' | 'open' | 'readdir' | 'rename' | 'unlink' | 'utimes'>;
