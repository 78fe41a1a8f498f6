import { Command, CommanderError } from 'commander';
import { escapeControls, escapeAllButLayout } from '../telemetry/logger.js';
import { Refused } from './api-client.js';
import { EXIT, type CliContext, type ExitCode } from './context.js';
import { tokenCommand, webhookSecretCommand } from './credentials.js';
import { demoCommand } from './demo/demo.js';
import { gcCommand } from './gc.js';
import { replayCommand } from './replay.js';
import { gatewayCommand, workerCommand, startCommand } from './start.js';
import { statusCommand } from './status.js';
import { submitCommand } from './submit.js';

/** The path of a problem of a line, as the API writes it: `line.12.url`. */
const LINE_PATH = /^line\.(\d+)(?:\.(.+))?$/s;

/** What belongs to the batch, and how the command line gives it. */
const OPTIONS: ReadonlyMap<string, string> = new Map([
  ['systemName', '--system-name'],
  ['webhook', '--webhook'],
  ['context', '--context'],
  ['priority', '--priority'],
]);

const ADVICE: ReadonlyMap<number, string> = new Map([
  [401, 'Give another token with --token or DURABLE_IMPORT_TOKEN; token create prints a new one'],
  [403, 'token create --project ID --scope "public-api:read public-api:write" prints a token that has both scopes'],
  [404, 'Check the id, and that the token belongs to the project of the import'],
  [429, 'The token has asked too often: try again in a minute'],
]);

/** The refusal with every sentence of the API, at the lines of the file where it names them, and what to do about it. */
export function refusalOf(refused: Refused): string {
  const sentences = Object.entries(refused.details).map(([path, sentence]) => {
    const text = typeof sentence === 'string' ? sentence : JSON.stringify(sentence);
    return `  ${escapeControls(placeOf(path))}: ${escapeControls(text)}`;
  });
  const advice = ADVICE.get(refused.status);
  return [escapeControls(refused.message), ...sentences, ...(advice === undefined ? [] : [advice])].join('\n');
}

function placeOf(path: string): string {
  const [, line, rest] = LINE_PATH.exec(path) ?? [];
  const name = line === undefined ? path : rest;
  const option = OPTIONS.get(name ?? '');
  const place = [...(line === undefined ? [] : [`line ${line}`]), ...(name === undefined ? [] : [name])].join(', ');
  return option === undefined ? place : `${place} (${option})`;
}

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
