import { randomUUID } from 'node:crypto';
import { link, open, rename, rm } from 'node:fs/promises';
import { errorCode } from './error-code.js';

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
