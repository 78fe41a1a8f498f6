import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { errorCode } from '../domain/errors.js';
import { readJsonFile, writePrivateFile, createPrivateFile } from './files.js';
import { runCommand, type Progress } from './tools.js';

/** What tells one process from another that got the same id later. */
interface ProcessIdentity {
  readonly pid: number;
  /** Opaque; equal for equal processes, and different after a restart of the machine. */
  readonly startedAt: string;
  readonly command: string;
}

/** Only where there is no /proc; ps itself answers at once. */
const PS_TIMEOUT_MS = 5_000;

/** Looks at a process; null when there is none, when it has ended but has not been reaped, or when it cannot be seen. */
export async function identifyProcess(pid: number): Promise<ProcessIdentity | null> {
  return process.platform === 'linux' ? identifyOnLinux(pid) : identifyWithPs(pid);
}

/** Whether that very process still runs. */
export async function isStillThere(known: ProcessIdentity): Promise<boolean> {
  const found = await identifyProcess(known.pid);
  return found !== null && found.startedAt === known.startedAt && found.command === known.command;
}

async function identifyOnLinux(pid: number): Promise<ProcessIdentity | null> {
  try {
    const [stat, commandLine, boot] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile(`/proc/${pid}/cmdline`, 'utf8'),
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
    ]);
    // proc(5): the name in parentheses may hold anything, so fields are counted from its end; state is field 3, starttime 22.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, startTicks] = [fields[0], fields[19]];
    if (state === 'Z' || state === 'X' || startTicks === undefined) return null;
    const command = commandLine.split('\0').join(' ').trim();
    return { pid, startedAt: `${boot.trim()}:${startTicks}`, command };
  } catch {
    return null;
  }
}

async function identifyWithPs(pid: number): Promise<ProcessIdentity | null> {
  const field = async (name: string): Promise<string> => {
    const { stdout } = await runCommand('ps', ['-o', `${name}=`, '-p', String(pid)], { timeoutMs: PS_TIMEOUT_MS });
    return stdout.trim();
  };
  try {
    const [startedAt, command, state] = await Promise.all([field('lstart'), field('command'), field('state')]);
    return command === '' || state.startsWith('Z') ? null : { pid, startedAt, command };
  } catch {
    return null;
  }
}

const Processes = z.record(z.string(), z.object({ pid: z.number(), startedAt: z.string(), command: z.string() }));

/**
 * The processes that `start` has started, kept from the moment each one exists: run.json appears only once all is ready and
 * goes first on the way out, so that it cannot tell what a kill -9 at another moment left behind.
 */
export interface ProcessRecord {
  add(name: string, pid: number): Promise<void>;
  clear(): Promise<void>;
}

function recordPath(dataDir: string): string {
  return join(dataDir, 'processes.json');
}

export function createProcessRecord(dataDir: string): ProcessRecord {
  const known: Record<string, ProcessIdentity> = {};
  // One write after the other, each with all that is known then: the last one on disk is the newest.
  let writing = Promise.resolve();
  return {
    async add(name, pid) {
      const identity = await identifyProcess(pid);
      if (identity === null) return;
      known[name] = identity;
      writing = writing.then(() => writePrivateFile(recordPath(dataDir), JSON.stringify(known)));
      await writing;
    },
    async clear() {
      await writing;
      await rm(recordPath(dataDir), { force: true });
    },
  };
}

/** What an earlier `start` had running, whether it still does or not. */
async function readProcessRecord(dataDir: string): Promise<ReadonlyMap<string, ProcessIdentity>> {
  return new Map(Object.entries((await readJsonFile(recordPath(dataDir), Processes)) ?? {}));
}

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
