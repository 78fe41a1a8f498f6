import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { downloadMongod, findDownloadedMongod } from './download.js';
import {
  installAtomically,
  packageRoot,
  withProgress,
  CommandError,
  runCommand,
  cacheFolder,
  findOnPath,
  type Progress,
} from './tools.js';

interface MongoEmulator {
  readonly kind: 'emulator';
  /** Its classes and the libraries they need. */
  readonly classPath: string;
  /** For the one who starts it: what it is. */
  readonly description: string;
}

export interface EmulatorOptions {
  readonly cache: string;
  readonly report: Progress;
  readonly env: NodeJS.ProcessEnv;
}

/** As in tools/mongodb-emulator/pom.xml: another version is another folder of the cache. */
const LIBRARY_VERSION = '1.47.0';
const OLDEST_JAVA = 17;
const ALTERNATIVE = 'or set MONGODB_URL to a running MongoDB server';

/** Both take about a second; a machine that is building something at the same time is far slower. */
const ASK_TIMEOUT_MS = 60_000;
const COMPILE_TIMEOUT_MS = 120_000;
/** Measured 30 s with nothing in Maven's own cache, most of it plug-ins. */
const FETCH_TIMEOUT_MS = 5 * 60_000;

/** Java would otherwise take a quarter of the machine; the working set of a large import fits several times. */
const MAX_HEAP = '-Xmx512m';
/** A store whose memory ran out answers nothing any more while its process lives on: it is to be started again instead. */
const OUT_OF_MEMORY = '-XX:+ExitOnOutOfMemoryError';
/** Costs the least processor time on few processors; pauses of some milliseconds do not matter here. */
const COLLECTOR = '-XX:+UseParallelGC';

/**
 * Makes the MongoDB emulator ready to run: a library on Java that speaks MongoDB's protocol over a file of H2. For
 * development and tests only.
 * @throws Error that names Java, Maven and MONGODB_URL when something is missing
 */
export async function prepareEmulator({ cache, report, env }: EmulatorOptions): Promise<MongoEmulator> {
  await requireJava(env);
  const libraries = join(cache, `mongodb-emulator-${LIBRARY_VERSION}`);
  if (!existsSync(libraries)) {
    await withProgress(report, 'Fetching the MongoDB emulator with Maven (once)', () =>
      installAtomically(libraries, (staging) => fetchLibraries(staging, env)),
    );
  }
  const sources = await sourceFiles();
  const digest = createHash('sha256');
  for (const source of sources) digest.update(await readFile(source));
  const classes = `${libraries}-classes-${digest.digest('hex').slice(0, 12)}`;
  if (!existsSync(classes)) {
    await installAtomically(classes, (staging) => compile(sources, libraries, staging, env));
  }
  return {
    kind: 'emulator',
    classPath: [classes, join(libraries, '*')].join(delimiter),
    description: 'a MongoDB emulator, for development and tests only',
  };
}

/** The command line that runs the emulator. */
export function emulatorCommand(server: MongoEmulator, port: number, file: string): { file: string; args: string[] } {
  const options = [MAX_HEAP, COLLECTOR, OUT_OF_MEMORY, '-cp', server.classPath];
  return { file: 'java', args: [...options, 'MongoEmulator', String(port), file] };
}

function sourceFolder(): string {
  return join(packageRoot(), 'tools', 'mongodb-emulator');
}

/** In an order that does not change, for their digest. */
async function sourceFiles(): Promise<string[]> {
  const files = (await readdir(sourceFolder())).filter((name) => name.endsWith('.java')).sort();
  return files.map((name) => join(sourceFolder(), name));
}

async function requireJava(env: NodeJS.ProcessEnv): Promise<void> {
  const modules = await runCommand('java', ['--list-modules'], { env, timeoutMs: ASK_TIMEOUT_MS }).catch(() => null);
  const major = Number(/^java\.base@(\d+)/m.exec(modules?.stdout ?? '')?.[1] ?? 0);
  if (major >= OLDEST_JAVA && modules?.stdout.includes('jdk.compiler@') === true) return;
  const problem = `MongoDB could not be downloaded, and its emulator needs a Java development kit ${OLDEST_JAVA} or newer`;
  throw new Error(`${problem}: install mongod, install such a Java and Maven, ${ALTERNATIVE}`);
}

async function fetchLibraries(folder: string, env: NodeJS.ProcessEnv): Promise<void> {
  const pom = join(sourceFolder(), 'pom.xml');
  const maven = process.platform === 'win32' ? 'mvn.cmd' : 'mvn';
  const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${folder}`];
  try {
    await runCommand(maven, ['--quiet', '--batch-mode', '--file', pom, ...goal], { env, timeoutMs: FETCH_TIMEOUT_MS });
  } catch (cause) {
    const output = cause instanceof CommandError && cause.output !== '' ? `:\n${cause.output.trimEnd()}` : '';
    const problem =
      'MongoDB could not be downloaded, and Maven, which fetches its emulator, is not installed or failed';
    throw new Error(`${problem}: install mongod or Maven, ${ALTERNATIVE}${output}`, { cause });
  }
}

/** Compiled once: run from its source the emulator took 3.3 s of processor time to listen, so it takes 0.9 s. */
async function compile(sources: string[], libraries: string, folder: string, env: NodeJS.ProcessEnv): Promise<void> {
  // The compiler of the very Java that will run it; unlike the launcher it does not expand a `*`.
  const classPath = (await readdir(libraries)).map((jar) => join(libraries, jar)).join(delimiter);
  const compiler = ['-m', 'jdk.compiler/com.sun.tools.javac.Main', '--release', String(OLDEST_JAVA)];
  const args = [...compiler, '-cp', classPath, '-d', folder, ...sources];
  try {
    await runCommand('java', args, { env, timeoutMs: COMPILE_TIMEOUT_MS });
  } catch (cause) {
    const output = cause instanceof CommandError ? cause.output.trimEnd() : '';
    throw new Error(`The MongoDB emulator could not be compiled; install mongod, ${ALTERNATIVE}:\n${output}`, {
      cause,
    });
  }
}

interface Mongod {
  readonly kind: 'mongod';
  readonly executable: string;
  /** For the one who starts it: what it is. */
  readonly description: string;
}

export type FoundMongo = Mongod | MongoEmulator;

export interface FindMongoOptions {
  readonly report: Progress;
  readonly env?: NodeJS.ProcessEnv;
}

/** The oldest that the service is meant for: wire version 13, as the emulator reports. */
const OLDEST_MAJOR = 5;
const VERSION_TIMEOUT_MS = 20_000;

/**
 * A MongoDB server that works on this machine: mongod on PATH, else from the cache, else downloaded, else the emulator on Java.
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
    return prepareEmulator({ cache, report, env });
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
