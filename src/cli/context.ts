import { InvalidArgumentError } from 'commander';

/** What a command may use of the process that it runs in. */
export interface CliContext {
  readonly env: NodeJS.ProcessEnv;
  /** A result, one line or several, on standard output. */
  readonly print: (text: string) => void;
  /** Everything else, on standard error, so that results can be piped on. */
  readonly complain: (text: string) => void;
  /** Whether a person looks at standard error: progress is a bar then. */
  readonly isTerminal?: boolean;
}

/** How commands end; scripts rely on the numbers. */
export const EXIT = {
  ok: 0,
  /** Wrong usage, no connection, or anything else that kept the command from its work. */
  trouble: 1,
  /** The import ran to its end and some items failed. */
  itemsFailed: 2,
  /** The import was cancelled, terminated or could not run. */
  importFailed: 3,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Project ids are part of workflow ids, where a slash would let one project name another's workflow. */
export function parseProject(text: string): string {
  if (/^[A-Za-z0-9_-]{1,64}$/.test(text)) return text;
  throw new InvalidArgumentError('It must have 1 to 64 letters, digits, _ or -.');
}
