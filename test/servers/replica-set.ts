import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MongoClient, type Document } from 'mongodb';
import { cacheFolder, findOnPath, installAtomically, withProgress, runCommand } from '../../src/local-stack/tools.js';
import { findDownloadedMongod } from '../../src/local-stack/download.js';
import { anyFreePort } from '../../src/local-stack/ports.js';
import { spawnServer, stopServer, waitUntilReady } from '../../src/local-stack/spawn-server.js';
import { eventually } from '../support/eventually.js';

/** From PyPI. WiredTiger behind MongoDB's protocol; says that it is a replica set, and has fail points and step-downs. */
const SECANTUS = 'secantusdb==0.7.0b3';
/** Measured 20 s with a fast network on two busy cores, for 120 MB. */
const INSTALL_TIMEOUT_MS = 5 * 60_000;
const ASK_TIMEOUT_MS = 60_000;
const SET = 'rs0';

/** The program that can present itself as a replica set of one. */
type FoundReplicaSet =
  | { readonly kind: 'mongod'; readonly executable: string }
  | { readonly kind: 'secantus'; readonly python: string; readonly packages: string };

/** Why there is none on this machine. */
export interface NoReplicaSet {
  readonly reason: string;
}

export interface ReplicaSet {
  /** What it is, for the one who reads the test's output. */
  readonly name: string;
  readonly url: string;
  /** Lets commands of the service fail, but not those of the test. */
  fail(mode: 'alwaysOn' | { times: number }, data: Document): Promise<void>;
  /** Ends what `fail` began. */
  heal(): Promise<void>;
  /** The primary gives up its office for so many seconds, and has it again afterwards. */
  stepDown(seconds: number): Promise<void>;
  stop(): Promise<void>;
}

/**
 * A mongod on PATH or downloaded before; else SecantusDB from the cache of the user, installed there with pip when it is missing.
 */
export async function findReplicaSet(): Promise<FoundReplicaSet | NoReplicaSet> {
  const executable = (await findOnPath('mongod')) ?? (await findDownloadedMongod(join(cacheFolder(), 'mongod')));
  if (executable !== null) return { kind: 'mongod', executable };
  const python = await findOnPath('python3');
  if (python === null) return { reason: 'neither mongod nor Python, which runs SecantusDB, is installed' };
  const ask = (args: string[]) => runCommand(python, args, { timeoutMs: ASK_TIMEOUT_MS }).catch(() => null);
  // Compiled packages are of one version of Python.
  const tag = (await ask(['-c', 'import sys; print(sys.implementation.cache_tag)']))?.stdout.trim() ?? '';
  const packages = join(cacheFolder(), `${SECANTUS.replace('==', '-')}-${tag}`);
  if (!existsSync(packages)) {
    if ((await ask(['-m', 'pip', '--version'])) === null)
      return { reason: 'mongod is not installed, and Python has no pip to install SecantusDB with' };
    const report = (line: string): void => void process.stderr.write(`${line}\n`);
    try {
      await withProgress(report, 'Installing SecantusDB for the tests of failovers with pip (once)', () =>
        installAtomically(packages, async (staging) => {
          const quiet = ['--quiet', '--disable-pip-version-check', '--retries=1', '--timeout=10'];
          // Into a folder, so that nothing of the machine's own Python changes; no sources, so that nothing is compiled.
          const args = ['-m', 'pip', 'install', ...quiet, '--only-binary=:all:', '--target', staging, SECANTUS];
          await runCommand(python, args, { timeoutMs: INSTALL_TIMEOUT_MS });
        }),
      );
    } catch {
      return {
        reason:
          'mongod is not installed, and pip could not install SecantusDB (no network, or no wheel for this machine)',
      };
    }
  }
  return { kind: 'secantus', python, packages };
}

/** Starts a replica set of one member over a temporary folder. */
export async function startReplicaSet(): Promise<ReplicaSet | NoReplicaSet> {
  const found = await findReplicaSet();
  if ('reason' in found) return found;
  const folder = await mkdtemp(join(tmpdir(), 'durable-import-set-'));
  const port = await anyFreePort();
  const data = join(folder, 'data');
  await mkdir(data);
  const server = await spawnServer({ ...commandOf(found, port, data), logFile: join(folder, 'server.log') });
  process.once('exit', () => server.child.kill('SIGKILL'));
  const url = `mongodb://127.0.0.1:${port}/`;
  const direct = new MongoClient(url, { directConnection: true, appName: 'test', serverSelectionTimeoutMS: 1_000 });
  const admin = direct.db('admin');
  const hello = () => admin.command({ hello: 1 });
  const stop = async () => {
    await direct.close();
    await stopServer(server);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    // Connects anew each time: a client whose first connection failed makes no other by itself.
    const probe = () => direct.connect().then(hello);
    await waitUntilReady(server, { name: 'The replica set', timeoutMs: 60_000, probe });
    if (found.kind === 'mongod') {
      const members = [{ _id: 0, host: `127.0.0.1:${port}` }];
      // A set of one elects itself again after each step-down; by default it would wait for 10 s first.
      await admin.command({ replSetInitiate: { _id: SET, members, settings: { electionTimeoutMillis: 1_000 } } });
    }
    await eventually('a primary', async () => (await hello())['isWritablePrimary'] === true);
  } catch (error) {
    await stop();
    throw error;
  }

  return {
    name: found.kind === 'mongod' ? 'mongod' : SECANTUS.replace('==', ' '),
    url,
    fail: async (mode, what) => {
      await admin.command({ configureFailPoint: 'failCommand', mode, data: { appName: 'durable-import', ...what } });
    },
    heal: async () => {
      await admin.command({ configureFailPoint: 'failCommand', mode: 'off' });
    },
    stepDown: async (seconds) => {
      await admin.command({ replSetStepDown: seconds, force: true });
    },
    stop,
  };
}

function commandOf(found: FoundReplicaSet, port: number, data: string): { file: string; args: string[] } {
  if (found.kind === 'mongod') {
    const where = ['--bind_ip', '127.0.0.1', '--port', String(port), '--dbpath', data];
    return {
      file: found.executable,
      args: ['--replSet', SET, '--setParameter', 'enableTestCommands=1', ...where],
    };
  }
  // The path of its packages goes in as an argument: the environment stays that of the test.
  const start = `import sys; sys.path.insert(0, ${JSON.stringify(found.packages)}); from secantus.cli import main; sys.exit(main())`;
  const options = ['--port', String(port), '--storage-path', data, '--enable-test-commands', '--log-level', 'WARNING'];
  return { file: found.python, args: ['-c', start, ...options] };
}
