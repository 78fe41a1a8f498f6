import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, open, readdir, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { findOnPath, runCommand } from '../../src/local-stack/tools.js';
import { anyFreePort } from '../../src/local-stack/ports.js';
import { stopServer, waitUntilReady, type ServerProcess } from '../../src/local-stack/spawn-server.js';
import type { Cleanup } from './cleanup.js';
import { Missing } from './missing.js';
import type { RunningServer } from './redis-server.js';

/** Who may run it when this process is root, which PostgreSQL refuses: its package's own user, else the one for nothing else. */
const USERS = ['postgres', 'nobody'];
const READY_TIMEOUT_MS = 30_000;
/** A new cluster takes about 2 s. */
const COMMAND_TIMEOUT_MS = 60_000;

interface User {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Starts PostgreSQL with its default durability: every commit is written to disk.
 * @throws Missing when it is not installed, or there is no user to run it as
 */
export async function startPostgres(cleanup: Cleanup): Promise<RunningServer> {
  const bin = await findBinaries();
  const user = process.getuid?.() === 0 ? await unprivileged() : null;
  const folder = await mkdtemp(join(tmpdir(), 'durable-import-bench-postgres-'));
  cleanup.add(() => rm(folder, { recursive: true, force: true }));
  if (user !== null) await chown(folder, user.uid, user.gid);
  const data = join(folder, 'data');
  const logFile = join(folder, 'postgres.log');
  const initdb = await run(
    join(bin, 'initdb'),
    ['-D', data, '-A', 'trust', '-U', 'bench', '-E', 'UTF8', '--locale=C'],
    {
      user,
      folder,
      logFile,
    },
  );
  const [code] = (await once(initdb.child, 'exit')) as [number | null];
  if (code !== 0) throw new Missing(`initdb ended with ${String(code)}`);

  const port = await anyFreePort();
  const settings = ['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='];
  const args = ['-D', data, '-p', String(port), ...settings];
  const server = await run(join(bin, 'postgres'), args, { user, folder, logFile });
  cleanup.add(() => stopServer(server));
  const probe = ['-h', '127.0.0.1', '-p', String(port), '-U', 'bench', '-d', 'postgres'];
  await waitUntilReady(server, {
    name: 'PostgreSQL',
    timeoutMs: READY_TIMEOUT_MS,
    probe: () => runCommand(join(bin, 'pg_isready'), probe, { timeoutMs: COMMAND_TIMEOUT_MS }),
  });
  return { port, pid: server.pid };
}

/** On PATH, or where Debian keeps it: the newest version. */
async function findBinaries(): Promise<string> {
  const onPath = await findOnPath('postgres');
  // Where the program really lies: a link to it need not have initdb beside it.
  if (onPath !== null) return dirname(await realpath(onPath));
  const versions = await readdir('/usr/lib/postgresql').catch(() => []);
  const newest = versions.toSorted((a, b) => Number(b) - Number(a))[0];
  if (newest === undefined) throw new Missing('postgres is neither on PATH nor in /usr/lib/postgresql');
  return join('/usr/lib/postgresql', newest, 'bin');
}

async function unprivileged(): Promise<User> {
  for (const name of USERS) {
    const ids = await Promise.all(
      ['-u', '-g'].map((flag) => runCommand('id', [flag, name], { timeoutMs: COMMAND_TIMEOUT_MS }).catch(() => null)),
    );
    const [uid, gid] = ids.map((answer) => Number(answer?.stdout ?? Number.NaN));
    if (uid !== undefined && gid !== undefined && uid > 0) return { uid, gid };
  }
  throw new Missing(`PostgreSQL does not run as root, and there is no user ${USERS.join(' or ')} to run it as`);
}

async function run(
  file: string,
  args: readonly string[],
  { user, folder, logFile }: { user: User | null; folder: string; logFile: string },
): Promise<ServerProcess> {
  const log = await open(logFile, 'a');
  try {
    const child = spawn(file, args, { cwd: folder, stdio: ['ignore', log.fd, log.fd], detached: true, ...user });
    await once(child, 'spawn');
    return { child, pid: child.pid ?? 0, logFile, logFrom: 0 };
  } finally {
    await log.close();
  }
}
