import { setTimeout as pause } from 'node:timers/promises';
import { isStillThere, type ProcessIdentity } from './process-identity.js';
import { readProcessRecord } from './process-record.js';
import type { Progress } from './progress.js';
import { errorCode } from './error-code.js';

/** Both servers end within a second of SIGTERM when nothing is wrong, gateway and worker by themselves within 5 s. */
const GRACE_MS = 6_000;
/** The kernel needs a moment even after SIGKILL, longer while the disk is busy. */
const KILL_MS = 5_000;
const POLL_MS = 50;

/**
 * Stops what a `start` that was killed has left running on the folder: two servers must never write to one set of files. Only
 * processes whose id, start time and command line are those that were recorded; a later process with the same id is let be.
 * @throws Error when one of them cannot be stopped
 */
export async function stopLeftBehind(dataDir: string, report: Progress): Promise<void> {
  const recorded = await readProcessRecord(dataDir);
  // Clients first, as on an orderly way out.
  const order = ['gateway', 'worker', ...[...recorded.keys()].filter((name) => !['gateway', 'worker'].includes(name))];
  for (const name of order) {
    const known = recorded.get(name);
    if (known === undefined || !(await isStillThere(known))) continue;
    report(`Stopping the ${name} that an earlier start has left behind (process ${known.pid})`);
    if ((await endsAfter('SIGTERM', known, GRACE_MS)) || (await endsAfter('SIGKILL', known, KILL_MS))) continue;
    throw new Error(`The ${name} of an earlier start cannot be stopped: process ${known.pid}`);
  }
}

async function endsAfter(signal: NodeJS.Signals, known: ProcessIdentity, withinMs: number): Promise<boolean> {
  try {
    process.kill(known.pid, signal);
  } catch (error) {
    // Gone since it was looked at.
    if (errorCode(error) === 'ESRCH') return true;
    throw error;
  }
  const deadline = Date.now() + withinMs;
  while (Date.now() < deadline) {
    if (!(await isStillThere(known))) return true;
    await pause(POLL_MS);
  }
  return false;
}
