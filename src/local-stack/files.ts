import { randomUUID, randomBytes } from 'node:crypto';
import { readFile, link, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { errorCode } from '../domain/errors.js';

/**
 * Reads a JSON file that this package wrote.
 * @returns null when there is none
 * @throws Error that names the file when its content is something else
 */
export async function readJsonFile<T>(file: string, schema: z.ZodType<T>): Promise<T | null> {
  let content: string;
  try {
    content = await readFile(file, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw error;
  }
  try {
    return schema.parse(JSON.parse(content));
  } catch (cause) {
    throw new Error(`${file} cannot be read: it was not written by this version, or was changed`, { cause });
  }
}

/** Read and written by the owner only: these files hold tokens and secrets. */
const MODE = 0o600;

/** Writes a file so that a reader, or a crash at any moment, meets the old content or the new one and nothing between. */
export async function writePrivateFile(file: string, content: string): Promise<void> {
  const incoming = await writeBeside(file, content);
  await rename(incoming, file);
}

/** As `writePrivateFile`, but only when there is no such file yet. Answers whether it was written. */
export async function createPrivateFile(file: string, content: string): Promise<boolean> {
  const incoming = await writeBeside(file, content);
  try {
    await link(incoming, file);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(incoming, { force: true });
  }
}

async function writeBeside(file: string, content: string): Promise<string> {
  const incoming = `${file}.${randomUUID()}.tmp`;
  const handle = await open(incoming, 'wx', MODE);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return incoming;
}

const Pid = z.number().int().positive().nullable();

/** Where a running stack can be reached. What `start` was given and did not start has no pid; unknown addresses are null. */
export const RunFile = z.object({
  /** An origin such as `http://127.0.0.1:8080`. */
  api: z.string(),
  ui: z.string().nullable(),
  /** host:port of the Temporal frontend. */
  temporal: z.string(),
  /** Connection string. */
  mongodb: z.string(),
  /** The executable that talks to that server, null when `start` was given the server. */
  temporalCli: z.string().nullable().default(null),
  /** Null when tokens come from an identity provider. */
  token: z.string().nullable(),
  webhookSecret: z.string(),
  pids: z.object({ temporal: Pid, mongodb: Pid, gateway: Pid, worker: Pid }),
});

export type RunFile = z.infer<typeof RunFile>;

function runFilePath(dataDir: string): string {
  return join(dataDir, 'run.json');
}

/** What runs on that folder; null when nothing does. After a kill -9 of `start` it may be stale. */
export function readRunFile(dataDir: string): Promise<RunFile | null> {
  return readJsonFile(runFilePath(dataDir), RunFile);
}

/** Atomic: scripts wait for this file and read it the moment it appears. */
export function writeRunFile(dataDir: string, run: RunFile): Promise<void> {
  return writePrivateFile(runFilePath(dataDir), `${JSON.stringify(run, null, 2)}\n`);
}

/** Also when there is none. */
export function removeRunFile(dataDir: string): Promise<void> {
  return rm(runFilePath(dataDir), { force: true });
}

/** What `start` makes up when the environment gives none. */
export const Secrets = z.object({
  /** Signs access tokens (HS256). */
  tokenSecret: z.string(),
  /** Encrypts request headers of items; absent in folders of earlier releases until the next start. */
  itemHeadersKey: z.string().optional(),
  /** The token that `start` prints; kept, so that it stays the same from start to start. */
  token: z.string().optional(),
});

export type Secrets = z.infer<typeof Secrets>;

/** HS256 asks for 32 bytes (RFC 7518 section 3.2); in base64url these are 64 characters. */
const SECRET_BYTES = 48;

function secretsPath(dataDir: string): string {
  return join(dataDir, 'secrets.json');
}

/** The secrets of the folder; null before the first `start`. */
export function readSecrets(dataDir: string): Promise<Secrets | null> {
  return readJsonFile(secretsPath(dataDir), Secrets);
}

/** The secrets of the folder, made now when there are none. Of two makers at once both get the same. */
export async function ensureSecrets(dataDir: string): Promise<Secrets> {
  const known = await readSecrets(dataDir);
  if (known?.itemHeadersKey !== undefined) return known;
  const itemHeadersKey = randomBytes(SECRET_BYTES).toString('base64url');
  if (known !== null) {
    const completed: Secrets = { ...known, itemHeadersKey };
    await writePrivateFile(secretsPath(dataDir), `${JSON.stringify(completed, null, 2)}\n`);
    return completed;
  }
  const made: Secrets = { tokenSecret: randomBytes(SECRET_BYTES).toString('base64url'), itemHeadersKey };
  await createPrivateFile(secretsPath(dataDir), `${JSON.stringify(made, null, 2)}\n`);
  return (await readSecrets(dataDir)) ?? made;
}

/** Keeps the token that `start` prints. */
export async function saveReadyToken(dataDir: string, token: string): Promise<void> {
  const secrets = await ensureSecrets(dataDir);
  await writePrivateFile(secretsPath(dataDir), `${JSON.stringify({ ...secrets, token }, null, 2)}\n`);
}
