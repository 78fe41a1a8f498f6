import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MongoClient } from 'mongodb';
import { createStack } from '../../src/local-stack/stack.js';
import type { Progress } from '../../src/local-stack/tools.js';
import { startOrigin, type BenchOrigin } from './origins.js';

/** What every benchmark runs on: a stack of its own and an origin, on temporary folders. */
export interface Bench {
  readonly api: string;
  readonly token: string;
  /** host:port. */
  readonly temporal: string;
  /** Connection string. */
  readonly mongodb: string;
  /** That of the service. */
  readonly database: string;
  /** `mongod`, `emulator` or `given`, when MONGODB_URL names one. */
  readonly databaseKind: string;
  readonly origin: BenchOrigin;
  readonly dataDir: string;
  /** The name of a database of this run, which no other run uses, not even on the same server. */
  readonly databaseName: (owner: string) => string;
  readonly pids: Readonly<Record<string, number>>;
  readonly report: Progress;
  readonly cleanup: Cleanup;
}

export interface BenchOptions {
  /** Added to the environment of gateway and worker. */
  readonly env?: NodeJS.ProcessEnv;
  /** Lets the services fetch from this origin beside the usual one. */
  readonly alsoAllow?: string;
}

/** Starts everything, does the work, and leaves nothing behind: no process, no folder, no database. */
export async function withBench(work: (bench: Bench) => Promise<void>, options: BenchOptions = {}): Promise<void> {
  const lines: string[] = [];
  const report: Progress = (line) => {
    lines.push(line);
    process.stderr.write(`${line}\n`);
  };
  const cleanup = createCleanup(report);
  try {
    const dataDir = await mkdtemp(join(tmpdir(), 'durable-import-bench-'));
    cleanup.add(() => rm(dataDir, { recursive: true, force: true }));
    const origin = await startOrigin();
    cleanup.add(() => {
      origin.close();
      return undefined;
    });
    const database = databaseName('service');
    const stack = createStack({
      env: { ...environment(dataDir, database, origin.origin, options), ...options.env },
      report,
    });
    cleanup.add(() => stack.stop());
    const { api, token, temporal, mongodb, pids } = await stack.start();
    if (token === null) throw new Error('The benchmark makes its own token: unset TOKEN_JWKS_FILE');
    // Before the stack stops; a server that was given is not left with our data.
    cleanup.add(() => dropDatabases(mongodb));
    const known = Object.entries({ ...pids, origin: origin.pid, driver: process.pid });
    await work({
      api,
      token,
      temporal,
      mongodb,
      database,
      databaseKind: kindOfDatabase(lines),
      origin,
      dataDir,
      databaseName,
      pids: Object.fromEntries(known.filter((entry): entry is [string, number] => entry[1] !== null)),
      report,
      cleanup,
    });
  } finally {
    await cleanup.run();
  }
}

function environment(
  dataDir: string,
  database: string,
  origin: string,
  { alsoAllow }: BenchOptions,
): NodeJS.ProcessEnv {
  const allowed = [origin, ...(alsoAllow === undefined ? [] : [alsoAllow])];
  return {
    ...process.env,
    DATA_DIR: dataDir,
    MONGODB_DATABASE: database,
    EGRESS_ALLOW: allowed.map((one) => `127.0.0.1/32:${new URL(one).port}`).join(','),
    // All requests come with one token.
    RATE_LIMIT: 'off',
  };
}

/** Read from the stack's own messages. */
function kindOfDatabase(lines: readonly string[]): string {
  if (lines.some((line) => line.startsWith('A MongoDB emulator'))) return 'emulator';
  return lines.some((line) => line.startsWith('MongoDB is ready')) ? 'mongod' : 'given';
}

/** Unique to this run of the benchmark: the time beside the process id, which may be used again. */
const PREFIX = `durable_import_bench_${process.pid}_${Date.now()}`;

function databaseName(owner: string): string {
  return `${PREFIX}_${owner.replaceAll('-', '_')}`;
}

/** Drops every database of this run. */
async function dropDatabases(url: string): Promise<void> {
  const client = new MongoClient(url);
  try {
    const { databases } = await client.db('admin').admin().listDatabases({ nameOnly: true });
    for (const { name } of databases) if (name.startsWith(PREFIX)) await client.db(name).dropDatabase();
  } finally {
    await client.close();
  }
}

/** 128 + 2, as a shell reports a process that SIGINT ended. */
const INTERRUPTED = 130;

type Undo = () => Promise<unknown> | undefined;

export interface Cleanup {
  /** Registers what undoes a step; what came last is undone first. */
  add(undo: Undo): void;
  /** Undoes all that is left, once, also what follows a step that could not be undone. */
  run(): Promise<void>;
}

/** Undoes every step of a benchmark when it ends, or when it is stopped with Ctrl-C or SIGTERM. */
export function createCleanup(report: Progress): Cleanup {
  const steps: Undo[] = [];
  let running: Promise<void> | undefined;
  const undoAll = async (): Promise<void> => {
    for (let undo = steps.pop(); undo !== undefined; undo = steps.pop()) {
      try {
        await undo();
      } catch (error) {
        report(`Not cleaned up: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  };
  // Once: after a signal the work fails because its servers are gone, and its own cleanup has to wait for this one.
  const run = (): Promise<void> => (running ??= undoAll());
  const onSignal = (): void => {
    report('Stopping');
    void run().then(() => process.exit(INTERRUPTED));
  };
  for (const event of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(event, onSignal);
  return {
    add(undo) {
      steps.push(undo);
      // What was still starting when everything was undone.
      if (running !== undefined) running = running.then(undoAll);
    },
    run,
  };
}
