import { pino } from 'pino';
import { escapeControls } from './escape-controls.js';

export type Logger = pino.Logger;

/** JSON lines on standard output, one object a line. Callers log ids, codes and hosts, never a URL, header or body. */
export function createLogger(level: string, name: string, stream?: pino.DestinationStream): Logger {
  const options: pino.LoggerOptions = {
    level,
    name,
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: safeError },
    // JSON escapes C0 alone; ids, which clients choose, may hold C1 and bidirectional controls.
    hooks: { streamWrite: (line) => `${escapeControls(line.trimEnd())}\n` },
  };
  return stream === undefined ? pino(options) : pino(options, stream);
}

/**
 * Names, codes and frames. The message is there when this code wrote it, as it then names a subject and a rule; the message of a
 * foreign error may quote what a client or a source sent.
 */
function safeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { type: typeof error };
  const frames = framesOf(error);
  const message = isOurs(error, frames) ? { message: error.message } : {};
  const code = 'code' in error && typeof error.code !== 'object' ? { code: error.code } : {};
  const cause = error.cause === undefined ? {} : { cause: safeError(error.cause) };
  return { type: error.name, ...message, ...code, stack: frames, ...cause };
}

/** Where an error made by this package was made: in its folders, whether they were built or not. */
const OUR_FILE = /(?:^|[/(])(?:src|activities|workflows)\/[\w./-]+\.[jt]s:\d+/;
const FOREIGN_FILE = /node_modules|node:/;
/** What the engine throws in our code as well, about values that came from elsewhere. */
const OF_THE_ENGINE = [TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError];

function isOurs(error: Error, frames: readonly string[]): boolean {
  const [madeAt = ''] = frames;
  if (OF_THE_ENGINE.some((type) => error instanceof type)) return false;
  return OUR_FILE.test(madeAt) && !FOREIGN_FILE.test(madeAt);
}

/** The block of frames at the end; a message may have lines that look like some. */
function framesOf({ stack = '', message }: Error): string[] {
  const after = stack.indexOf(message);
  const lines = stack.slice(after === -1 ? 0 : after + message.length).split('\n');
  const isFrame = (line: string): boolean => line.trimStart().startsWith('at ');
  return lines.slice(lines.findLastIndex((line) => !isFrame(line)) + 1).map((line) => line.trim());
}
