import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createApiClient, type ApiClient } from '../../src/cli/api-client.js';
import { isPortFree } from '../../src/local-stack/ports.js';
import { identifyProcess } from '../../src/local-stack/processes.js';
import { readRunFile, type RunFile } from '../../src/local-stack/files.js';
import { eventually } from './eventually.js';

const CLI = fileURLToPath(new URL('../../dist/src/cli.js', import.meta.url));
/** A loaded machine takes its time; nothing is measured here. */
const START_MS = 150_000;

export interface FinishedCommand {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningStack {
  readonly dataDir: string;
  readonly env: NodeJS.ProcessEnv;
  /** What run.json says now. */
  run(): Promise<RunFile>;
  /** Of the process `start` itself. */
  readonly pid: number;
  /** Everything that `start` has said since it was last started. */
  output(): string;
  client(): Promise<ApiClient>;
  /** Starts again on the same folder and ports, and waits until all is ready. */
  start(): Promise<RunFile>;
  /** Sends `start` a signal and waits for its end. */
  end(signal: NodeJS.Signals): Promise<number | null>;
  /** Ends what is left and removes the folder. */
  clear(): Promise<void>;
}

/** The built command line, in an environment of its own. */
export function spawnCli(args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
  return spawn(process.execPath, [CLI, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Runs the built command line to its end. */
export async function runBuiltCli(args: readonly string[], env: NodeJS.ProcessEnv): Promise<FinishedCommand> {
  const child = spawnCli(args, env);
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

/** A data folder and free ports for one stack. Ports lie below those that the system gives to outgoing connections. */
export async function stackEnvironment(extra: Readonly<Record<string, string>>): Promise<NodeJS.ProcessEnv> {
  const base = await eventually('free ports', async () => {
    const first = 20_000 + Math.floor(Math.random() * 10_000);
    const free = await Promise.all([0, 1, 2, 3, 4, 1004].map((offset) => isPortFree(first + offset)));
    return free.every(Boolean) && first;
  });
  return {
    ...process.env,
    DATA_DIR: mkdtempSync(join(tmpdir(), 'durable-import-e2e-')),
    PORT: String(base),
    METRICS_PORT: String(base + 1),
    MONGODB_PORT: String(base + 3),
    TEMPORAL_PORT: String(base + 4),
    ...extra,
  };
}

/** Whether a process is there; one that has ended but was not collected yet is not. */
async function isAlive(pid: number | null): Promise<boolean> {
  return pid !== null && (await identifyProcess(pid)) !== null;
}

/** Those of the processes that are there. */
export async function alive(pids: readonly (number | null)[]): Promise<(number | null)[]> {
  const found = await Promise.all(pids.map(async (pid) => ((await isAlive(pid)) ? [pid] : [])));
  return found.flat();
}

/** Runs `start` from the built package and waits until all is ready. */
export async function startStack(extra: Readonly<Record<string, string>> = {}): Promise<RunningStack> {
  const env = await stackEnvironment(extra);
  const dataDir = env['DATA_DIR'] ?? '';
  let child: ChildProcess | undefined;
  let output = '';
  /** Every process that run.json ever named. */
  const seen = new Set<number>();

  const run = async (): Promise<RunFile> => {
    const found = await eventually('run.json', () => readRunFile(dataDir));
    for (const pid of Object.values(found.pids)) if (pid !== null) seen.add(pid);
    return found;
  };
  const start = async (): Promise<RunFile> => {
    const started = spawnCli(['start'], env);
    child = started;
    output = '';
    for (const stream of [started.stdout, started.stderr])
      stream?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await eventually(
      'a stack that is ready',
      () => {
        if (started.exitCode !== null) return 'ended';
        return output.includes('Ctrl-C stops everything') && 'ready';
      },
      START_MS,
    );
    if (started.exitCode !== null) throw new Error(`start has ended:\n${output}`);
    return run();
  };
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
    return child.exitCode;
  };
  const stack: RunningStack = {
    dataDir,
    env,
    run,
    start,
    end,
    get pid() {
      return child?.pid ?? 0;
    },
    output: () => output,
    client: async () => {
      const { api, token } = await run();
      return createApiClient({ api, token: token ?? '' });
    },
    async clear() {
      await end('SIGTERM');
      for (const pid of await alive([...seen])) process.kill(pid ?? 0, 'SIGKILL');
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
  try {
    await start();
    return stack;
  } catch (error) {
    await stack.clear();
    throw error;
  }
}
