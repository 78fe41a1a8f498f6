import { pino } from 'pino';

/**
 * C0 and C1 controls with DEL, the line and paragraph separators, and the bidirectional controls of Unicode (UAX #9 section 2):
 * a terminal acts on the first, and the last make a text look like another one.
 */
const CONTROLS = /[\u0000-\u001F\u007F-\u009F\u061C\u200E\u200F\u2028-\u202E\u2066-\u2069]/g;
/** What our own texts lay themselves out with. */
const LAYOUT = /^[\n\t]$/;

/**
 * Escapes an untrusted value for one line of a terminal or a log: every control character becomes its escape in JSON, such as `\u001b`. JSON text keeps its
 * value, because escaped controls only occur inside its strings.
 */
export function escapeControls(text: string): string {
  return text.replace(CONTROLS, escaped);
}

/** As `escapeControls` for a text of our own, whose line breaks and tabs stay. Values in it are escaped where they are put in. */
export function escapeAllButLayout(text: string): string {
  return text.replace(CONTROLS, (character) => (LAYOUT.test(character) ? character : escaped(character)));
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

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

type Level = 'TRACE' | 'DEBUG' | 'INFO' | 'WARN' | 'ERROR';

interface TemporalLogger {
  log(level: Level, message: string, meta?: Record<string | symbol, unknown>): void;
  trace(message: string, meta?: Record<string | symbol, unknown>): void;
  debug(message: string, meta?: Record<string | symbol, unknown>): void;
  info(message: string, meta?: Record<string | symbol, unknown>): void;
  warn(message: string, meta?: Record<string | symbol, unknown>): void;
  error(message: string, meta?: Record<string | symbol, unknown>): void;
}

/** What of the SDK's fields says something to an operator and cannot hold what a client sent. */
const FIELDS = ['workflowId', 'runId', 'activityId', 'activityType', 'attempt', 'state', 'taskQueue', 'durationMs'];

/** The Temporal SDK's logger over ours: one stream of JSON lines, with the SDK's errors reduced like our own. */
export function temporalLogger(logger: Logger): TemporalLogger {
  const log = (level: Level, message: string, meta: Record<string | symbol, unknown> = {}): void => {
    const fields = Object.fromEntries(FIELDS.filter((key) => key in meta).map((key) => [key, meta[key]]));
    const error = meta['error'] instanceof Error ? { err: meta['error'] } : {};
    // The SDK reports each start and end of a worker as information, and warns of those that are there for activities only.
    const isDetail = level === 'INFO' || message.startsWith('No workflows registered');
    const ours = isDetail ? 'debug' : (level.toLowerCase() as 'trace' | 'debug' | 'warn' | 'error');
    logger[ours]({ ...fields, ...error }, message);
  };
  return {
    log,
    trace: (message, meta) => {
      log('TRACE', message, meta);
    },
    debug: (message, meta) => {
      log('DEBUG', message, meta);
    },
    info: (message, meta) => {
      log('INFO', message, meta);
    },
    warn: (message, meta) => {
      log('WARN', message, meta);
    },
    error: (message, meta) => {
      log('ERROR', message, meta);
    },
  };
}
