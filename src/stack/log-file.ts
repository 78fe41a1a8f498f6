import { copyFile, mkdir, open, stat, truncate, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errorCode } from './error-code.js';

/** The end of a log that a message shows: more is not read in a terminal. */
const TAIL_LINES = 20;
/** Holds those lines also when they are long. */
const TAIL_BYTES = 64 * 1024;
/** Of one log, twice: the file and the one before it. Days of an import at full speed. */
const MAX_BYTES = 32 * 1024 * 1024;
/** A process that logs without a pause writes some 50 MB in this time. */
const LOOK_EVERY_MS = 10_000;

/** Where the output of a child process goes: the terminal shows only what changes. */
export function logFile(dataDir: string, name: string): string {
  return join(dataDir, 'logs', `${name}.log`);
}

/** A log that a process is about to write to. */
export interface OpenLog {
  readonly handle: FileHandle;
  /** Where the output of this run begins, in bytes. */
  readonly from: number;
}

/** Opens a log for appending, its folder too; the caller closes it. */
export async function openLog(file: string): Promise<OpenLog> {
  await mkdir(dirname(file), { recursive: true });
  const handle = await open(file, 'a');
  return { handle, from: (await handle.stat()).size };
}

/** The last lines that were written since `from`; empty when there are none. */
export async function logTail(file: string, from: number): Promise<string> {
  const handle = await open(file, 'r').catch(() => null);
  if (handle === null) return '';
  try {
    const { size } = await handle.stat();
    // A file that is shorter was cut meanwhile: all in it is of this run.
    const start = Math.max(from > size ? 0 : from, size - TAIL_BYTES);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - start), 0, size - start, start);
    return buffer.toString('utf8', 0, bytesRead).trimEnd().split('\n').slice(-TAIL_LINES).join('\n');
  } finally {
    await handle.close();
  }
}

/**
 * Cuts logs that have grown too large: what they hold moves to `NAME.log.1`, in place of what was there. The processes hold the
 * file open for appending and go on with the empty one; what they write within these milliseconds is lost.
 * @returns what stops it
 */
export function boundLogs(
  files: readonly string[],
  { maxBytes = MAX_BYTES, everyMs = LOOK_EVERY_MS } = {},
): () => void {
  let looking = false;
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    void Promise.allSettled(files.map((file) => cutAbove(file, maxBytes))).then(() => {
      looking = false;
    });
  }, everyMs);
  timer.unref();
  return () => {
    clearInterval(timer);
  };
}

async function cutAbove(file: string, maxBytes: number): Promise<void> {
  try {
    if ((await stat(file)).size <= maxBytes) return;
    await copyFile(file, `${file}.1`);
    await truncate(file);
  } catch (error) {
    // Not written to yet.
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}
