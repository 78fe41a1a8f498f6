import { join } from 'node:path';
import { cacheFolder } from './cache-folder.js';
import { downloadMongod, findDownloadedMongod } from './download-mongod.js';
import { findOnPath } from './find-on-path.js';
import { prepareStandIn, type MongoStandIn } from './mongo-stand-in.js';
import type { Progress } from './progress.js';
import { runCommand } from './run-command.js';

interface Mongod {
  readonly kind: 'mongod';
  readonly executable: string;
  /** For the one who starts it: what it is. */
  readonly description: string;
}

export type FoundMongo = Mongod | MongoStandIn;

export interface FindMongoOptions {
  readonly report: Progress;
  readonly env?: NodeJS.ProcessEnv;
}

/** The oldest that the service is meant for: wire version 13, as the stand-in reports. */
const OLDEST_MAJOR = 5;
const VERSION_TIMEOUT_MS = 20_000;

/**
 * A MongoDB server that works on this machine: mongod on PATH, else from the cache, else downloaded, else the stand-in on Java.
 * @throws Error that names what to install, and MONGODB_URL, when there is none
 */
export async function findMongo({ report, env = process.env }: FindMongoOptions): Promise<FoundMongo> {
  const onPath = await findOnPath('mongod', env);
  if (onPath !== null) {
    const major = await majorVersion(onPath, env);
    if (major !== null && major >= OLDEST_MAJOR) return mongod(onPath);
    report(`mongod on PATH does not run or is older than ${OLDEST_MAJOR}.0: ${onPath}`);
  }
  const cache = cacheFolder(env);
  const folder = join(cache, 'mongod');
  const cached = await findDownloadedMongod(folder);
  if (cached !== null) return mongod(cached);
  try {
    return mongod(await downloadMongod(folder, report));
  } catch (error) {
    report(`There is no mongod here, and none can be had: ${error instanceof Error ? error.message : String(error)}`);
    return prepareStandIn({ cache, report, env });
  }
}

function mongod(executable: string): Mongod {
  return { kind: 'mongod', executable, description: 'mongod' };
}

/** Of `db version v8.0.4`; null when the program does not run or says something else. */
async function majorVersion(executable: string, env: NodeJS.ProcessEnv): Promise<number | null> {
  const answer = await runCommand(executable, ['--version'], { env, timeoutMs: VERSION_TIMEOUT_MS }).catch(() => null);
  const major = /db version v(\d+)\./.exec(answer?.stdout ?? '')?.[1];
  return major === undefined ? null : Number(major);
}
