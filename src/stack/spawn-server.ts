import { spawn, type ChildProcess } from 'node:child_process';
import { ConfigSchema } from '../config.js';
import { logTail, openLog } from './log-file.js';

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
