import { Command, CommanderError } from 'commander';
import { escapeAllButLayout } from '../telemetry/escape-controls.js';
import { Refused } from './api-client.js';
import type { CliContext } from './context.js';
import { demoCommand } from './demo.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import { gcCommand } from './gc.js';
import { refusalOf } from './refusal.js';
import { replayCommand } from './replay.js';
import { gatewayCommand, workerCommand } from './services.js';
import { startCommand } from './start.js';
import { statusCommand } from './status.js';
import { submitCommand } from './submit.js';
import { tokenCommand } from './token.js';
import { webhookSecretCommand } from './webhook-secret.js';

/** Makes a command; its action hands its exit code on. */
type CommandFactory = (context: CliContext, exit: (code: ExitCode) => void) => Command;

const COMMANDS: readonly CommandFactory[] = [
  startCommand,
  gatewayCommand,
  workerCommand,
  demoCommand,
  submitCommand,
  statusCommand,
  replayCommand,
  tokenCommand,
  webhookSecretCommand,
  gcCommand,
];

/**
 * Runs one command line.
 * @param args without the interpreter and the script
 * @returns the exit code; every error has become a message
 */
export async function runCli(args: readonly string[], given: CliContext): Promise<number> {
  const context = escaping(given);
  let code: ExitCode = EXIT.ok;
  const program = new Command('durable-import').description('Imports media by URL, durably');
  for (const make of COMMANDS) {
    program.addCommand(
      make(context, (ending) => {
        code = ending;
      }),
    );
  }
  configure(program, context);
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    // Commander has said what is wrong already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.trouble;
    if (error instanceof Refused) context.complain(refusalOf(error));
    else context.complain(error instanceof Error ? error.message : String(error));
    return EXIT.trouble;
  }
}

/** Whatever is printed may quote the API, a file or a token: nothing of it may steer the terminal. */
function escaping(context: CliContext): CliContext {
  return {
    ...context,
    print: (text) => {
      context.print(escapeAllButLayout(text));
    },
    complain: (text) => {
      context.complain(escapeAllButLayout(text));
    },
  };
}

/** Neither ends the process nor writes past the context; commander does not hand this on to commands that were added. */
function configure(command: Command, context: CliContext): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => {
      context.print(text.trimEnd());
    },
    writeErr: (text) => {
      context.complain(text.trimEnd());
    },
  });
  for (const child of command.commands) configure(child, context);
}
