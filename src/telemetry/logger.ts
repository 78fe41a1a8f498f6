import { pino } from 'pino';

export type Logger = pino.Logger;

/** JSON lines on standard output, one object a line. Callers log ids, codes and hosts, never a URL, header or body. */
export function createLogger(level: string, name: string): Logger {
  return pino({ level, name, timestamp: pino.stdTimeFunctions.isoTime, serializers: { err: safeError } });
}

/** Names and codes only: the message of a foreign error may quote what a client or a source sent. */
export function safeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { type: typeof error };
  const frames = error.stack?.split('\n').filter((line) => line.trimStart().startsWith('at ')) ?? [];
  const code = 'code' in error && typeof error.code !== 'object' ? { code: error.code } : {};
  const cause = error.cause === undefined ? {} : { cause: safeError(error.cause) };
  return { type: error.name, ...code, stack: frames.map((line) => line.trim()), ...cause };
}
