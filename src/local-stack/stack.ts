import { chmod, mkdir, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseBlobStoreUrl } from '../blobs/open-blob-store.js';
import { loadConfig, type Config } from '../config.js';
import { httpSettings, loadMediaTypes } from '../process/configured.js';
import { createReach } from '../process/crash-hook.js';
import { removeRunFile, writeRunFile, type RunFile } from './files.js';
import { choosePorts } from './ports.js';
import { createProcessRecord, lockDataDir, stopLeftBehind } from './processes.js';
import { prepareProject } from './project.js';
import { boundLogs, logFile } from './spawn-server.js';
import { startServers } from './start-servers.js';
import { startServices } from './start-services.js';
import type { Started, Supervisor } from './supervise.js';
import type { Progress } from './tools.js';
import { PROCESS_NAMES, type Keep, type ProcessName } from './units.js';

/**
 * Checks what the gateway or the worker would refuse when they start. Otherwise that is told only after both servers have started,
 * as the end of a log.
 * @throws Error that names the setting
 */
async function checkSettings(config: Config): Promise<void> {
  createReach(config.CRASH_AT);
  if (config.BLOB_STORE_URL !== undefined) parseBlobStoreUrl(config.BLOB_STORE_URL, config.DATA_DIR);
  await loadMediaTypes(config.MEDIA_TYPES_FILE);
  // Without either of the two `start` makes a secret.
  if (config.TOKEN_JWKS_FILE !== undefined) await httpSettings(config);
}

/** Databases, logs, blobs and secrets: the owner's alone. */
const FOLDER_MODE = 0o700;
const OTHERS = 0o077;
/** Set on folders that many users share, such as /tmp. */
const STICKY = 0o1000;

/**
 * Makes the data folder, and everything that this process and its children will make in it, the owner's alone. A folder of an
 * earlier version is closed to others.
 * @throws Error when the folder belongs to another user or is shared by design
 */
export async function prepareDataDir(dataDir: string, report: Progress): Promise<void> {
  // Handed on to every child: the files of both servers as well.
  process.umask(OTHERS);
  await mkdir(dataDir, { recursive: true, mode: FOLDER_MODE });
  const { mode, uid } = await stat(dataDir);
  // Windows has other rights, and reports none of these.
  if (process.platform === 'win32' || (mode & OTHERS) === 0) return;
  if ((mode & STICKY) !== 0 || uid !== process.getuid?.())
    throw new Error(`${dataDir} is not this user's alone: choose a folder of its own with DATA_DIR`);
  await chmod(dataDir, FOLDER_MODE);
  report(`${dataDir} was readable by other users and is not any more`);
}

export interface StackOptions {
  /** The environment of `start`; DATA_DIR in it is made absolute for the services. */
  readonly env: NodeJS.ProcessEnv;
  readonly report: Progress;
}

/** What `start` runs: two servers, unless addresses were given, the gateway and the worker. */
export interface Stack {
  /**
   * Resolves when all is ready and run.json is written.
   * @throws AlreadyRunningError, or Error that says what is missing; everything that was started is stopped then
   */
  start(): Promise<RunFile>;
  /** Stops all in order: first those who use the servers. Also while it is starting. Resolves when nothing is left. */
  stop(): Promise<void>;
  /** Ends every process at once. */
  kill(): void;
}

/** Prepares a stack on a data folder; nothing happens before `start`. */
export function createStack({ env, report }: StackOptions): Stack {
  const config = loadConfig(env);
  const dataDir = resolve(config.DATA_DIR);
  const record = createProcessRecord(dataDir);
  const stopping = new AbortController();
  const alive = new Map<ProcessName, Started>();
  /** In order of starting; stopped the other way round, level by level. */
  const levels: Supervisor[][] = [];
  let unlock: (() => Promise<void>) | undefined;
  let run: RunFile | undefined;
  let writing = Promise.resolve();
  let started: Promise<unknown> | undefined;
  let takingDown: Promise<void> | undefined;
  let unboundLogs: (() => void) | undefined;

  const pidOf = (name: ProcessName): number | null => alive.get(name)?.pid ?? null;
  const noteRun = (): Promise<void> => {
    writing = writing.then(async () => {
      if (run === undefined || stopping.signal.aborted) return;
      const pids = { temporal: pidOf('temporal'), mongodb: pidOf('mongodb') };
      run = { ...run, pids: { ...pids, gateway: pidOf('gateway'), worker: pidOf('worker') } };
      await writeRunFile(dataDir, run);
    });
    return writing;
  };
  const keep: Keep = (name) => ({
    report,
    signal: stopping.signal,
    onSpawn: (child) => {
      alive.set(name, child);
      return record.add(name, child.pid);
    },
    onRestart: noteRun,
  });

  const takeDown = async (): Promise<void> => {
    stopping.abort(new Error('Stopped'));
    // First, so that the addresses are no longer advertised; what still runs stays in the record until it is gone.
    await writing.catch(() => undefined);
    if (unlock === undefined) return;
    await removeRunFile(dataDir);
    for (const level of levels.splice(0).reverse()) await Promise.all(level.map((supervisor) => supervisor.stop()));
    await record.clear();
    unboundLogs?.();
    await unlock();
  };
  /** Once: a second caller would find nothing left to stop, and unlock the folder while the first one still stops processes. */
  const takeDownOnce = (): Promise<void> => (takingDown ??= takeDown());

  const bringUp = async (): Promise<RunFile> => {
    await checkSettings(config);
    await prepareDataDir(dataDir, report);
    unlock = await lockDataDir(dataDir);
    unboundLogs = boundLogs(PROCESS_NAMES.map((name) => logFile(dataDir, name)));
    await stopLeftBehind(dataDir, report);
    await removeRunFile(dataDir);
    const ports = await choosePorts({ env, api: config.PORT, metrics: config.METRICS_PORT, report });
    const servers = await startServers({ env, config, dataDir, ports, report, keep, signal: stopping.signal });
    levels.push(servers.supervisors);
    const project = await prepareProject({ config, dataDir, mongodb: servers.mongodb });
    const services = await startServices({ env, config, dataDir, ports, servers, project, keep });
    levels.push(services.supervisors);
    stopping.signal.throwIfAborted();
    const { temporal, mongodb, ui, temporalCli } = servers;
    const pids = { temporal: null, mongodb: null, gateway: null, worker: null };
    run = {
      api: services.api,
      ui,
      temporal,
      mongodb,
      temporalCli,
      token: project.token,
      webhookSecret: project.webhookSecret,
      pids,
    };
    await noteRun();
    return run;
  };

  return {
    async start() {
      const starting = bringUp();
      started = starting.catch(() => undefined);
      try {
        return await starting;
      } catch (error) {
        await takeDownOnce();
        throw error;
      }
    },
    async stop() {
      stopping.abort(new Error('Stopped'));
      await started;
      await takeDownOnce();
    },
    kill() {
      stopping.abort(new Error('Stopped'));
      for (const child of alive.values()) child.kill();
    },
  };
}
