import { spawn } from 'node:child_process';

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly timeoutMs: number;
}

export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
}

/** Of each stream only the end is kept: that is where tools say what went wrong. */
const KEPT_CHARACTERS = 16_384;

/**
 * Runs a program to its end without a shell.
 * @param options.timeoutMs after which it is killed
 * @throws CommandError when it cannot be run, is killed or ends with another code than 0
 */
export function runCommand(file: string, args: readonly string[], options: CommandOptions): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      // Not the option `timeout`: its timer outlives a program that could not be run.
      signal: AbortSignal.timeout(options.timeoutMs),
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout = (stdout + text).slice(-KEPT_CHARACTERS);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-KEPT_CHARACTERS);
    });
    child.on('error', (cause) => {
      const problem =
        cause.name === 'AbortError' ? `took longer than ${options.timeoutMs / 1000} s` : 'could not be run';
      reject(new CommandError(`${file} ${problem}`, stderr, { cause }));
    });
    child.on('close', (code, signal) => {
      if (code === 0) resolve({ stdout, stderr });
      else reject(new CommandError(`${file} ended with ${signal ?? `code ${code ?? 'unknown'}`}`, stderr || stdout));
    });
  });
}

/** A program that did not do its work. `output` is the end of what it printed. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  constructor(
    message: string,
    readonly output: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
