import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, open, readdir, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import PgBoss from 'pg-boss';
import { anyFreePort } from '../../src/local-stack/ports.js';
import { type ServerProcess, stopServer, waitUntilReady } from '../../src/local-stack/spawn-server.js';
import { findOnPath, runCommand } from '../../src/local-stack/tools.js';
import { seconds } from '../figures.js';
import type { Bench } from '../stack/with-bench.js';
import {
  bulksOf,
  type Contender,
  type ItemJob,
  Missing,
  PG_BOSS,
  type QueueModule,
  type Run,
  type WorkSettings,
  workSettings,
} from '../throughput/contender.js';
import { createCountdown, createItemWork, forkRunner, serveRuns } from '../throughput/runner.js';

/** Where the driver and the worker meet. */
const QUEUE = 'bench';

/** Jobs of one `insert`, which is one statement. */
const BULK = 1_000;

interface Settings extends WorkSettings {
  /** Of the database. */
  readonly url: string;
  readonly tuned: boolean;
}

/**
 * (e) pg-boss on PostgreSQL: this process inserts the jobs in bulk while a worker process fetches and completes them in batches.
 * Tuned, the worker has two loops that fetch 64 jobs each; else it uses `work` without options: one job every 2 seconds.
 * @throws Missing when PostgreSQL is not installed or cannot be run
 */
export const start: QueueModule['start'] = async (bench, { tuned }): Promise<Contender> => {
  const { port, pid: postgres } = await startPostgres(bench);
  const url = `postgres://bench@127.0.0.1:${port}/postgres`;
  const boss = new PgBoss({ connectionString: url, supervise: false, schedule: false });
  boss.on('error', (error) => {
    bench.report(`pg-boss: ${error.message}`);
  });
  await boss.start();
  bench.cleanup.add(() => boss.stop({ graceful: false, wait: true }));
  await boss.createQueue(QUEUE);
  const settings = workSettings(bench, tuned ? 'pg-boss' : 'pg-boss-defaults');
  const worker: Settings = { ...settings, url, tuned };
  const runner = await forkRunner(import.meta.url, worker);
  bench.cleanup.add(() => runner.close());
  const { mongodb = 0, driver = 0 } = bench.pids;
  const add = async (run: Run): Promise<void> => {
    for (const bulk of bulksOf(bench.origin.origin, run, BULK)) {
      const jobs = bulk.map((data) => ({
        name: QUEUE,
        data,
        retryLimit: 10,
        retryBackoff: true,
      }));
      await boss.insert(jobs);
    }
  };
  return {
    name: tuned ? PG_BOSS : `${PG_BOSS}, defaults`,
    description: tuned
      ? 'PostgreSQL with every commit on disk, bulk insert, two loops that fetch and complete 64 jobs each'
      : 'PostgreSQL, bulk insert, work() as it is: one job every 2 s',
    pids: { worker: runner.pid, postgres, mongodb, origin: bench.origin.pid, driver },
    blobs: settings.root,
    run: async (run) => ({ seconds: await seconds(() => Promise.all([runner.run(run), add(run)])), history: null }),
  };
};

/** Users to run it as when this process is root, which PostgreSQL refuses: that of its package, else one without privileges. */
const USERS = ['postgres', 'nobody'];
/** PostgreSQL takes about a second to start; this ends a hang. */
const READY_TIMEOUT_MS = 30_000;
/** `id` and `pg_isready` answer at once; this ends a hang. */
const COMMAND_TIMEOUT_MS = 60_000;

interface User {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Starts PostgreSQL with its default durability: every commit is written to disk.
 * @throws Missing when it is not installed, or there is no user to run it as
 */
async function startPostgres({ cleanup }: Bench): Promise<{ port: number; pid: number }> {
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
  // The folder of the program itself: a link to it need not have initdb beside it.
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

/** One loop fetches and completes while the other works; 128 items in flight together, as in the bare loop. */
const LOOPS = 2;
const FETCH = 64;
/** Pause of a loop that found nothing, such as between two runs: short beside the seconds of a run. */
const IDLE_MS = 20;

/** A pg-boss worker; a run ends when all of its jobs are completed in PostgreSQL. */
await serveRuns(import.meta.url, async (argument) => {
  const settings = JSON.parse(argument) as Settings;
  const work = await createItemWork(settings);
  const countdown = createCountdown();
  const boss = new PgBoss({ connectionString: settings.url, supervise: false, schedule: false });
  boss.on('error', (error) => {
    countdown.fail(error);
  });
  await boss.start();
  const closing = new AbortController();
  const loop = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      const jobs = await boss.fetch<ItemJob>(QUEUE, { batchSize: FETCH });
      if (jobs.length === 0) {
        await delay(IDLE_MS);
        continue;
      }
      await Promise.all(jobs.map(({ data }) => work.importItem(data)));
      await boss.complete(
        QUEUE,
        jobs.map(({ id }) => id),
      );
      countdown.done(jobs.length);
    }
  };
  let loops: Promise<unknown> = Promise.resolve();
  if (settings.tuned) {
    loops = Promise.all(Array.from({ length: LOOPS }, loop)).catch((error: unknown) => {
      countdown.fail(error);
    });
  } else {
    await boss.work<ItemJob>(QUEUE, async (jobs) => {
      for (const { data } of jobs) await work.importItem(data);
      countdown.done(jobs.length);
    });
  }
  return {
    run: ({ items }) => countdown.start(items),
    async close() {
      closing.abort();
      await loops;
      await boss.stop({ graceful: false, wait: true });
      await work.close();
    },
  };
});
