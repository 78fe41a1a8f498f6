import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Errors that are bugs wherever they come from, in what pino logs as `err` and its causes. */
const BUGS = ['TypeError', 'ReferenceError', 'RangeError', 'SyntaxError', 'EvalError', 'AssertionError'];
/** pino's numbers: error and fatal. */
const ERROR_LEVEL = 50;

interface LoggedError {
  readonly type?: string;
  /** Of the system, of a server or of a library; our own plain errors, which say that something cannot be, have none. */
  readonly code?: string | number;
  readonly stack?: readonly string[];
  readonly cause?: LoggedError;
}

interface Line {
  readonly level?: number;
  readonly err?: LoggedError;
}

/** What must not be in the log of a gateway or a worker. A line that is not JSON was written by a process on its way to die. */
export function suspiciousLines(log: string): string[] {
  return log.split('\n').filter((line) => line !== '' && isSuspicious(line));
}

function isSuspicious(text: string): boolean {
  if (/unhandledRejection|uncaughtException/i.test(text)) return true;
  const line = parsed(text);
  if (line === null) return !isHarmless(text);
  if ((line.level ?? 0) >= ERROR_LEVEL) return true;
  for (let error = line.err; error !== undefined; error = error.cause) if (isBug(error)) return true;
  return false;
}

function isBug({ type = '', code, stack = [] }: LoggedError): boolean {
  return BUGS.includes(type) || (type === 'Error' && code === undefined && isOurs(stack[0] ?? ''));
}

function isOurs(frame: string): boolean {
  return !frame.includes('node_modules') && !frame.includes('node:');
}

/** The last line of a process that was killed while writing it, and the warnings of Temporal's core, which are no JSON. */
function isHarmless(text: string): boolean {
  return text.startsWith('{"level":') || /WARN.*temporalio_/.test(text);
}

function parsed(text: string): Line | null {
  try {
    return JSON.parse(text) as Line;
  } catch {
    return null;
  }
}

/** The suspicious lines of the logs of all gateways and workers. */
export async function checkLogs(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const file of (await readdir(folder)).filter((name) => /^(gateway|worker)-/.test(name)))
    for (const line of suspiciousLines(await readFile(join(folder, file), 'utf8'))) found.push(`${file}: ${line}`);
  return found;
}
