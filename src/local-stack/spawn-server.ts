import { spawn, type ChildProcess } from 'node:child_process';
import { copyFile, mkdir, open, stat, truncate, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errorCode } from '../domain/errors.js';
import { ConfigSchema } from '../config.js';

/** The end of a log that a message shows: more is not read in a terminal. */
const TAIL_LINES = 20;
/** Holds those lines also when they are long. */
const TAIL_BYTES = 64 * 1024;
/** Of one log, twice: the file and the one before it. Days of an import at full speed. */
const MAX_BYTES = 32 * 1024 * 1024;
/** A process that logs without a pause writes some 50 MB in this time. */
const LOOK_EVERY_MS = 10_000;

/** Where the output of a child process goes: the terminal shows only what changes. */
export function logFile(dataDir: string, name: string): string {
  return join(dataDir, 'logs', `${name}.log`);
}

/** A log that a process is about to write to. */
export interface OpenLog {
  readonly handle: FileHandle;
  /** Where the output of this run begins, in bytes. */
  readonly from: number;
}

/** Opens a log for appending, its folder too; the caller closes it. */
export async function openLog(file: string): Promise<OpenLog> {
  await mkdir(dirname(file), { recursive: true });
  const handle = await open(file, 'a');
  return { handle, from: (await handle.stat()).size };
}

/** The last lines that were written since `from`; empty when there are none. */
export async function logTail(file: string, from: number): Promise<string> {
  const handle = await open(file, 'r').catch(() => null);
  if (handle === null) return '';
  try {
    const { size } = await handle.stat();
    // A file that is shorter was cut meanwhile: all in it is of this run.
    const start = Math.max(from > size ? 0 : from, size - TAIL_BYTES);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - start), 0, size - start, start);
    return buffer.toString('utf8', 0, bytesRead).trimEnd().split('\n').slice(-TAIL_LINES).join('\n');
  } finally {
    await handle.close();
  }
}

/**
 * Cuts logs that have grown too large: what they hold moves to `NAME.log.1`, in place of what was there. The processes hold the
 * file open for appending and go on with the empty one; what they write within these milliseconds is lost.
 * @returns what stops it
 */
export function boundLogs(
  files: readonly string[],
  { maxBytes = MAX_BYTES, everyMs = LOOK_EVERY_MS } = {},
): () => void {
  let looking = false;
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    void Promise.allSettled(files.map((file) => cutAbove(file, maxBytes))).then(() => {
      looking = false;
    });
  }, everyMs);
  timer.unref();
  return () => {
    clearInterval(timer);
  };
}

async function cutAbove(file: string, maxBytes: number): Promise<void> {
  try {
    if ((await stat(file)).size <= maxBytes) return;
    await copyFile(file, `${file}.1`);
    await truncate(file);
  } catch (error) {
    // Not written to yet.
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}

export interface ServerCommand {
  readonly file: string;
  readonly args: readonly string[];
  /** Standard output and standard error are appended here. */
  readonly logFile: string;
}

export interface ServerProcess {
  readonly pid: number;
  readonly child: ChildProcess;
  readonly logFile: string;
  /** Where the output of this process begins in its log, in bytes. */
  readonly logFrom: number;
}

/**
 * Starts a server in a process group of its own: Ctrl-C in the terminal must not end the database before its clients.
 * @throws Error when the program cannot be run
 */
export async function spawnServer(command: ServerCommand): Promise<ServerProcess> {
  const { handle: log, from: logFrom } = await openLog(command.logFile);
  try {
    const child = spawn(command.file, command.args, {
      env: serverEnvironment(),
      stdio: ['ignore', log.fd, log.fd],
      detached: true,
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    if (child.pid === undefined) throw new Error(`${command.file} has no process id`);
    return { pid: child.pid, child, logFile: command.logFile, logFrom };
  } finally {
    await log.close();
  }
}

/** Without our settings: among them are secrets, and no server has a use for any. */
function serverEnvironment(): NodeJS.ProcessEnv {
  const ours = new Set(Object.keys(ConfigSchema.shape));
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.has(name)));
}

export interface ReadyOptions {
  /** What is waited for, for the message: "MongoDB". */
  readonly name: string;
  readonly timeoutMs: number;
  /** Resolves when the server answers and rejects while it does not; must end by itself within a second or two. */
  readonly probe: () => Promise<unknown>;
}

/** Between two probes: far below a start of one to three seconds. */
const PROBE_PAUSE_MS = 100;

/**
 * Waits until the server answers.
 * @throws Error with the end of the log when the process ends first or the time is up
 */
export async function waitUntilReady(server: ServerProcess, options: ReadyOptions): Promise<void> {
  const deadline = Date.now() + options.timeoutMs;
  for (;;) {
    if (hasEnded(server.child)) throw await withLogTail(server, `${options.name} ended while it was starting`);
    try {
      await options.probe();
      return;
    } catch (cause) {
      if (Date.now() > deadline) {
        throw await withLogTail(server, `${options.name} was not ready after ${options.timeoutMs / 1000} s`, cause);
      }
      await new Promise((resolve) => setTimeout(resolve, PROBE_PAUSE_MS));
    }
  }
}

async function withLogTail(server: ServerProcess, message: string, cause?: unknown): Promise<Error> {
  const tail = await logTail(server.logFile, server.logFrom);
  const said = tail === '' ? `it wrote nothing to ${server.logFile}` : `the end of ${server.logFile}:\n${tail}`;
  return new Error(`${message}; ${said}`, { cause });
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/**
 * Asks the server to end, and kills it when it has not done so in time. Resolves when the process is gone.
 * @param graceMs 5 s by default: both servers end within one when nothing is wrong
 */
export async function stopServer(server: Pick<ServerProcess, 'child'>, graceMs = 5_000): Promise<void> {
  const { child } = server;
  if (hasEnded(child)) return;
  const gone = new Promise<void>((resolve) => {
    child.once('exit', () => {
      resolve();
    });
  });
  child.kill('SIGTERM');
  const killer = setTimeout(() => child.kill('SIGKILL'), graceMs);
  await gone;
  clearTimeout(killer);
}
