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
