import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { identifyProcess, isStillThere, type ProcessIdentity } from './process-identity.js';
import { readJsonFile } from './read-json-file.js';
import { createPrivateFile } from './write-private-file.js';

const Owner: z.ZodType<ProcessIdentity> = z.object({ pid: z.number(), startedAt: z.string(), command: z.string() });

/** Somebody else runs a stack on that folder. */
export class AlreadyRunningError extends Error {
  override readonly name = 'AlreadyRunningError';
  constructor(
    readonly dataDir: string,
    readonly pid: number,
  ) {
    super(
      `Already running on ${dataDir} as process ${pid}: stop that one first, or choose another folder with DATA_DIR`,
    );
  }
}

/** One per contender at most: each removes a stale lock or finds a live one. */
const TRIES = 5;

/**
 * Makes this process the only `start` on the folder. A lock whose owner is gone does not count.
 * @returns what gives the folder free again
 * @throws AlreadyRunningError that names the process which holds it
 */
export async function lockDataDir(dataDir: string): Promise<() => Promise<void>> {
  const file = join(dataDir, 'start.lock');
  const self = await identifyProcess(process.pid);
  // Where a process cannot be looked at, at least its id is told; such a lock counts as stale later.
  const content = JSON.stringify(self ?? { pid: process.pid, startedAt: '', command: '' });
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    if (await createPrivateFile(file, content)) return () => rm(file, { force: true });
    const owner = await readJsonFile(file, Owner).catch(() => null);
    if (owner !== null && (await isStillThere(owner))) throw new AlreadyRunningError(dataDir, owner.pid);
    await setAside(file, owner);
  }
  throw new Error(`${file} cannot be taken: several processes try to start on this folder at once`);
}

/** Removes a stale lock, unless another contender has put its own in its place meanwhile. */
async function setAside(file: string, stale: ProcessIdentity | null): Promise<void> {
  const aside = `${file}.${process.pid}.stale`;
  const isMoved = await rename(file, aside).then(
    () => true,
    () => false,
  );
  if (!isMoved) return;
  const moved = await readJsonFile(aside, Owner).catch(() => null);
  const isOther = moved !== null && (moved.pid !== stale?.pid || moved.startedAt !== stale.startedAt);
  if (isOther) await createPrivateFile(file, JSON.stringify(moved));
  await rm(aside, { force: true });
}
