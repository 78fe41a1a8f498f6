import type { Logger } from './logger.js';

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
