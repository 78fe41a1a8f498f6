import { pathOf, type SourceFile } from './source-files.js';

/** Which version of a file its source has. Versions begin at 1 and only grow. */
export interface Versions {
  current(file: SourceFile): number;
  change(file: SourceFile): void;
}

export function createVersions(): Versions {
  const versions = new Map<string, number>();
  const current = (file: SourceFile): number => versions.get(pathOf(file)) ?? 1;
  return {
    current,
    change(file) {
      versions.set(pathOf(file), current(file) + 1);
    },
  };
}
