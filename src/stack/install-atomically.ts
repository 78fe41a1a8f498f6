import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** No build or download takes that long: who left such a folder was killed. */
const ABANDONED_AFTER_MS = 24 * 60 * 60_000;

/**
 * Fills a folder of the cache: `fill` works in a folder of its own beside the target, which then takes the target's name.
 * Of two processes that do so at once the first wins, and the other drops its copy; none ever sees half a folder.
 * @throws whatever `fill` throws; nothing is left behind
 */
export function installAtomically(target: string, fill: (staging: string) => Promise<void>): Promise<void> {
  return inStaging(target, async (staging) => {
    await fill(staging);
    try {
      await rename(staging, target);
    } catch (error) {
      if (!(isTaken(error) && existsSync(target))) throw error;
    }
  });
}

/**
 * Makes something that belongs at the target in a folder of its own beside it, which is removed afterwards.
 * @throws whatever the work throws
 */
export async function inStaging(target: string, work: (staging: string) => Promise<void>): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  await removeAbandoned(target);
  const staging = await mkdtemp(incoming(target));
  try {
    await work(staging);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

function incoming(target: string): string {
  return `${target}.incoming-`;
}

async function removeAbandoned(target: string): Promise<void> {
  const parent = dirname(target);
  const names = await readdir(parent);
  for (const name of names.filter((entry) => entry.startsWith(basename(incoming(target))))) {
    const folder = join(parent, name);
    const changedAt = await stat(folder).then(
      (found) => found.mtimeMs,
      () => Date.now(),
    );
    if (Date.now() - changedAt > ABANDONED_AFTER_MS) await rm(folder, { recursive: true, force: true });
  }
}

/** What renaming over a folder that has content says: POSIX either of the first two, Windows the third. */
function isTaken(error: unknown): boolean {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'EPERM';
}
