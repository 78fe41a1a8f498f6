import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { RunFile } from './files.js';
import type { FoundMongo } from './find-mongo.js';
import { spawnMongoServer, waitForMongoServer, type MongoServer } from './mongo-server.js';
import { openLog, stopServer, waitUntilReady, type ServerProcess } from './spawn-server.js';
import type { Started, SuperviseOptions, Unit } from './supervise.js';
import {
  spawnTemporalServer,
  waitForTemporalServer,
  type TemporalServer,
  type TemporalServerOptions,
} from './temporal-server.js';
import { packageRoot } from './tools.js';

interface ServiceCommand {
  readonly command: 'gateway' | 'worker';
  readonly env: NodeJS.ProcessEnv;
  /** Standard output and standard error are appended here. */
  readonly logFile: string;
}

/**
 * Starts the gateway or the worker from the built package, with a channel to this process: the service ends when the channel
 * does, however this process dies. In a process group of its own, so that Ctrl-C leaves the order of shutdown to this process.
 * @throws Error when it cannot be run
 */
async function forkService({ command, env, logFile }: ServiceCommand): Promise<ServerProcess> {
  const { handle: log, from: logFrom } = await openLog(logFile);
  try {
    const child: ChildProcess = fork(join(packageRoot(), 'dist', 'src', 'cli.js'), [command], {
      env,
      execArgv: ['--enable-source-maps'],
      detached: true,
      stdio: ['ignore', log.fd, log.fd, 'ipc'],
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    if (child.pid === undefined) throw new Error(`The ${command} has no process id`);
    return { pid: child.pid, child, logFile, logFrom };
  } finally {
    await log.close();
  }
}

/**
 * A child process as the supervisor sees it.
 * @param graceMs how long it may take to end when asked to, before it is killed
 */
export function startedProcess(child: ChildProcess, graceMs: number): Started {
  const { pid } = child;
  if (pid === undefined) throw new Error(`${child.spawnfile} was not started`);
  const ended = new Promise<string>((resolve) => {
    const tell = (): void => {
      resolve(child.signalCode ?? `code ${String(child.exitCode)}`);
    };
    // It may have ended before anybody could listen.
    if (child.exitCode !== null || child.signalCode !== null) tell();
    else child.once('exit', tell);
  });
  return {
    pid,
    ended,
    stop: () => stopServer({ child }, graceMs),
    kill: () => {
      child.kill('SIGKILL');
    },
  };
}

/** What a stack runs. */
export type ProcessName = keyof RunFile['pids'];

export const PROCESS_NAMES: readonly ProcessName[] = ['temporal', 'mongodb', 'gateway', 'worker'];

/** How the stack keeps each of its processes: it hears of every one the moment it exists. */
export type Keep = (name: ProcessName) => SuperviseOptions;

/** Both end within a second when nothing is wrong; what they have acknowledged is on disk anyway. */
const SERVER_GRACE_MS = 5_000;
/** A service loads within 2 s; on a busy machine with a database that has just been started it takes longer. */
const SERVICE_READY_MS = 60_000;

export function temporalUnit(options: TemporalServerOptions): Unit<Started & { readonly server: TemporalServer }> {
  return {
    name: 'temporal',
    async spawn() {
      const server = await spawnTemporalServer(options);
      return { ...startedProcess(server.child, SERVER_GRACE_MS), server };
    },
    waitUntilReady: ({ server }) => waitForTemporalServer(server),
  };
}

export function mongoUnit(options: {
  server: FoundMongo;
  port: number;
  dbPath: string;
  logFile: string;
}): Unit<Started & { readonly server: MongoServer }> {
  return {
    name: 'mongodb',
    async spawn() {
      const server = await spawnMongoServer(options);
      return { ...startedProcess(server.child, SERVER_GRACE_MS), server };
    },
    waitUntilReady: ({ server }) => waitForMongoServer(server),
  };
}

export interface ServiceUnitOptions extends ServiceCommand {
  /** How long it may take to end when asked to. */
  readonly graceMs: number;
  /** Resolves once the service answers, rejects while it does not. */
  readonly probe: (pid: number) => Promise<unknown>;
}

/** The gateway or the worker. */
export function serviceUnit({
  probe,
  graceMs,
  ...command
}: ServiceUnitOptions): Unit<Started & { readonly service: ServerProcess }> {
  return {
    name: command.command,
    async spawn() {
      const service = await forkService(command);
      return { ...startedProcess(service.child, graceMs), service };
    },
    waitUntilReady: ({ pid, service }) =>
      waitUntilReady(service, {
        name: `The ${command.command}`,
        timeoutMs: SERVICE_READY_MS,
        probe: () => probe(pid),
      }),
  };
}
