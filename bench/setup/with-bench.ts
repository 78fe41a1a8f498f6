import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Progress } from '../../src/local-stack/tools.js';
import { createStack } from '../../src/local-stack/stack.js';
import { createCleanup, type Cleanup } from './cleanup.js';
import { databaseName, dropDatabases } from './databases.js';
import { startOrigin, type BenchOrigin } from './start-origin.js';

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
  /** `mongod`, `stand-in` or `given`, when MONGODB_URL names one. */
  readonly databaseKind: string;
  readonly origin: BenchOrigin;
  readonly dataDir: string;
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

/** The stack says what it has found. */
function kindOfDatabase(lines: readonly string[]): string {
  if (lines.some((line) => line.startsWith('A stand-in for MongoDB'))) return 'stand-in';
  return lines.some((line) => line.startsWith('MongoDB is ready')) ? 'mongod' : 'given';
}
