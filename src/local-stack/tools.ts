import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { access, constants, mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, delimiter, basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { errorCode } from '../domain/errors.js';

/** Where servers that were downloaded or built are kept: the cache folder of the user, as each platform has it. */
export function cacheFolder(
  env: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
): string {
  return join(userCache(env, platform), 'durable-import');
}

function userCache(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): string {
  if (platform === 'win32') return env['LOCALAPPDATA'] ?? join(homedir(), 'AppData', 'Local');
  if (platform === 'darwin') return join(homedir(), 'Library', 'Caches');
  // XDG Base Directory Specification: an empty value counts as not set.
  return env['XDG_CACHE_HOME'] ? env['XDG_CACHE_HOME'] : join(homedir(), '.cache');
}

/** The first executable file of that name on PATH, or null. */
export async function findOnPath(
  name: string,
  env: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
): Promise<string | null> {
  const fileName = platform === 'win32' ? `${name}.exe` : name;
  for (const folder of (env['PATH'] ?? '').split(delimiter)) {
    // An empty entry would mean the current folder: what happens to lie there is not an installed program.
    if (folder === '') continue;
    const file = join(folder, fileName);
    const usable = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (usable) return file;
  }
  return null;
}

/** No build or download takes that long: who left such a folder was killed. */
const ABANDONED_AFTER_MS = 24 * 60 * 60_000;

/**
 * Fills a folder of the cache: `fill` works in a folder of its own beside the target, which then takes the target's name.
 * Of two processes that do so at once the first wins, and the other drops its copy; none ever sees half a folder.
 * @throws whatever `fill` throws; nothing is left behind
 */
export function installAtomically(target: string, fill: (staging: string) => Promise<void>): Promise<void> {
  return inStaging(target, async (staging) => {
    await fill(staging);
    try {
      await rename(staging, target);
    } catch (error) {
      if (!(isTaken(error) && existsSync(target))) throw error;
    }
  });
}

/**
 * Makes something that belongs at the target in a folder of its own beside it, which is removed afterwards.
 * @throws whatever the work throws
 */
export async function inStaging(target: string, work: (staging: string) => Promise<void>): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  await removeAbandoned(target);
  const staging = await mkdtemp(incoming(target));
  try {
    await work(staging);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

function incoming(target: string): string {
  return `${target}.incoming-`;
}

async function removeAbandoned(target: string): Promise<void> {
  const parent = dirname(target);
  const names = await readdir(parent);
  for (const name of names.filter((entry) => entry.startsWith(basename(incoming(target))))) {
    const folder = join(parent, name);
    const changedAt = await stat(folder).then(
      (found) => found.mtimeMs,
      () => Date.now(),
    );
    if (Date.now() - changedAt > ABANDONED_AFTER_MS) await rm(folder, { recursive: true, force: true });
  }
}

/** What renaming over a folder that has content says: POSIX either of the first two, Windows the third. */
function isTaken(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'EPERM';
}

/**
 * The folder of this package, whether the code runs from `src` or from `dist/src`.
 * @throws Error when no parent folder holds the package.json of durable-import
 */
export function packageRoot(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const manifest = join(folder, 'package.json');
    if (existsSync(manifest) && nameIn(manifest) === 'durable-import') return folder;
    if (dirname(folder) === folder) throw new Error('The folder of the package durable-import was not found');
  }
}

function nameIn(manifest: string): unknown {
  const content: unknown = JSON.parse(readFileSync(manifest, 'utf8'));
  return typeof content === 'object' && content !== null && 'name' in content ? content.name : undefined;
}

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly timeoutMs: number;
}

export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
}

/** Of each stream only the end is kept: that is where tools say what went wrong. */
const KEPT_CHARACTERS = 16_384;

/**
 * Runs a program to its end without a shell.
 * @param options.timeoutMs after which it is killed
 * @throws CommandError when it cannot be run, is killed or ends with another code than 0
 */
export function runCommand(file: string, args: readonly string[], options: CommandOptions): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      // Not the option `timeout`: its timer outlives a program that could not be run.
      signal: AbortSignal.timeout(options.timeoutMs),
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout = (stdout + text).slice(-KEPT_CHARACTERS);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-KEPT_CHARACTERS);
    });
    child.on('error', (cause) => {
      const problem =
        cause.name === 'AbortError' ? `took longer than ${options.timeoutMs / 1000} s` : 'could not be run';
      reject(new CommandError(`${file} ${problem}`, stderr, { cause }));
    });
    child.on('close', (code, signal) => {
      if (code === 0) resolve({ stdout, stderr });
      else reject(new CommandError(`${file} ended with ${signal ?? `code ${code ?? 'unknown'}`}`, stderr || stdout));
    });
  });
}

/** A program that did not do its work. `output` is the end of what it printed. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  constructor(
    message: string,
    readonly output: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Tells the person who waits what is being done now: one line a call, no full stop. */
export type Progress = (line: string) => void;

/** Every 15 s: often enough to see that a build of five minutes is alive, seldom enough to leave the log readable. */
const TICK_MS = 15_000;

/**
 * Runs a long step and reports that it began, that it is still going on with the time it has taken, and how it ended.
 * @throws whatever the step throws
 */
export async function withProgress<T>(report: Progress, step: string, work: () => Promise<T>): Promise<T> {
  const startedAt = Date.now();
  const seconds = (): string => `${Math.round((Date.now() - startedAt) / 1000)} s`;
  report(step);
  const ticker = setInterval(() => {
    report(`${step}: still going on after ${seconds()}`);
  }, TICK_MS);
  ticker.unref();
  try {
    const result = await work();
    report(`${step}: done in ${seconds()}`);
    return result;
  } catch (error) {
    report(`${step}: gave up after ${seconds()}`);
    throw error;
  } finally {
    clearInterval(ticker);
  }
}
