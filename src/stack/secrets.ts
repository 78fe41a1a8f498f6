import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { readJsonFile } from './read-json-file.js';
import { createPrivateFile, writePrivateFile } from './write-private-file.js';

/** What `start` makes up when the environment gives none. */
export const Secrets = z.object({
  /** Signs access tokens (HS256). */
  tokenSecret: z.string(),
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
  if (known !== null) return known;
  const made: Secrets = { tokenSecret: randomBytes(SECRET_BYTES).toString('base64url') };
  await createPrivateFile(secretsPath(dataDir), `${JSON.stringify(made, null, 2)}\n`);
  return (await readSecrets(dataDir)) ?? made;
}

/** Keeps the token that `start` prints. */
export async function saveReadyToken(dataDir: string, token: string): Promise<void> {
  const secrets = await ensureSecrets(dataDir);
  await writePrivateFile(secretsPath(dataDir), `${JSON.stringify({ ...secrets, token }, null, 2)}\n`);
}
