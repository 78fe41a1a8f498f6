import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { identifyProcess, isStillThere, type ProcessIdentity } from './process-identity.js';
import { readJsonFile } from './read-json-file.js';
import { createPrivateFile } from './write-private-file.js';

const Owner: z.ZodType<ProcessIdentity> = z.object({ pid: z.number(), startedAt: z.string(), command: z.string() });

/** Another process runs a stack on that folder. */
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

/** Looks at a lock that another process is just removing: that takes milliseconds. */
const TRIES = 100;
const PAUSE_MS = 20;

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
    const owner = await livingOwner(file);
    if (owner !== null) throw new AlreadyRunningError(dataDir, owner.pid);
    if (!(await removeStale(file, content))) await pause(PAUSE_MS);
  }
  throw new Error(`${file} cannot be taken: several processes try to start on this folder at once`);
}

async function livingOwner(file: string): Promise<ProcessIdentity | null> {
  const owner = await readJsonFile(file, Owner).catch(() => null);
  return owner !== null && (await isStillThere(owner)) ? owner : null;
}

/**
 * Removes a stale lock under a lock of its own, because a new one may have taken its place since it was looked at: the holder of
 * that second lock looks again, and only the holder removes a lock whose owner is gone. Answers false while another process does so.
 */
async function removeStale(file: string, content: string): Promise<boolean> {
  const removal = `${file}.removal`;
  if (!(await createPrivateFile(removal, content))) {
    // A process that died in these milliseconds must not lock the folder forever.
    const other = await readJsonFile(removal, Owner).catch(() => null);
    if (other !== null && !(await isStillThere(other))) await rm(removal, { force: true });
    return false;
  }
  try {
    if ((await livingOwner(file)) === null) await rm(file, { force: true });
  } finally {
    await rm(removal, { force: true });
  }
  return true;
}
