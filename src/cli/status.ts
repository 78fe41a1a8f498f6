import { setTimeout as pause } from 'node:timers/promises';
import cliProgress from 'cli-progress';
import { Command } from 'commander';
import { KINDS, type KindPlural } from '../domain/import.js';
import {
  Refused,
  Unreachable,
  createApiClient,
  findApi,
  withApiOptions,
  type ApiClient,
  type ImportDocument,
  type StatusDocument,
  type ApiOptions,
} from './api-client.js';
import type { CliContext, ExitCode } from './context.js';
import { counted, exitCodeOf, summaryOf } from './summary.js';

/** The gateway asks the workflow at most once a second for all who wait. */
const POLL_MS = 1_000;
/** A gateway that is restarted, also on another machine, is back within a minute; longer is for a person to look at. */
const PATIENCE_MS = 60_000;
/** Between two lines of progress: seldom enough for a log, and a tenth of the time that has passed, so that days are some 150 lines. */
const LINE_EVERY_MS = 5_000;
const LINE_EVERY_SHARE = 0.1;

export interface WaitOptions {
  readonly client: ApiClient;
  readonly id: string;
  /** Told how far it is after every look. */
  readonly onProgress?: (counts: ImportDocument['counts']) => void;
  readonly pollMs?: number;
}

/**
 * Waits until an import has finished, through restarts of the gateway.
 * @throws Unreachable when the API could not be reached for a minute; Refused for an import that is not there
 */
async function waitForEnd({ client, id, onProgress, pollMs = POLL_MS }: WaitOptions): Promise<ImportDocument> {
  let lastAnswerAt = Date.now();
  for (;;) {
    try {
      const shown = await client.show(id);
      lastAnswerAt = Date.now();
      if (shown.finished) return shown;
      onProgress?.(shown.counts);
    } catch (error) {
      if (!isPassing(error) || Date.now() - lastAnswerAt > PATIENCE_MS) throw error;
    }
    await pause(pollMs);
  }
}

/** As `waitForEnd`, and answers the published status document. @throws as `waitForEnd` */
export async function waitForImport(options: WaitOptions & { readonly plural: KindPlural }): Promise<StatusDocument> {
  await waitForEnd(options);
  return options.client.status(options.plural, options.id);
}

/** Waits and shows how far it is: with a bar where a person looks at it, else with a line now and then. @throws as `waitForEnd` */
export async function waitShowingProgress(
  options: WaitOptions,
  { isTerminal = false, complain }: CliContext,
): Promise<ImportDocument> {
  if (!isTerminal) return waitForEnd({ ...options, onProgress: progressLines(complain) });
  const bar = new cliProgress.SingleBar({
    format: '{bar} {value}/{total} items · {duration_formatted}',
    stream: process.stderr,
    hideCursor: true,
  });
  bar.start(1, 0);
  try {
    return await waitForEnd({
      ...options,
      onProgress: ({ total, open }) => {
        bar.setTotal(total);
        bar.update(total - open);
      },
    });
  } finally {
    bar.stop();
  }
}

/** Writes the progress as lines, at most one in five seconds and ever more seldom. */
export function progressLines(
  complain: (line: string) => void,
  now: () => number = Date.now,
): (counts: ImportDocument['counts']) => void {
  const startedAt = now();
  let nextAt = startedAt;
  return ({ total, open, failed }) => {
    if (now() < nextAt) return;
    nextAt = now() + Math.max(LINE_EVERY_MS, (now() - startedAt) * LINE_EVERY_SHARE);
    const failures = failed === 0 ? '' : `, ${counted(failed)} failed`;
    complain(`${counted(total - open)} of ${counted(total)} items done${failures}`);
  };
}

function isPassing(error: unknown): boolean {
  return error instanceof Unreachable || (error instanceof Refused && (error.status >= 500 || error.status === 429));
}

interface StatusOptions extends ApiOptions {
  readonly watch?: true;
  readonly json?: true;
}

export function statusCommand(context: CliContext, exit: (code: ExitCode) => void): Command {
  const command = new Command('status')
    .description('print what became of the items of an import so far')
    .argument('<id>', 'import id')
    .option('--watch', 'show progress until the import has finished')
    .option('--json', 'print the status document')
    .addHelpText(
      'after',
      '\nExit code: 0 running or all well, 1 usage or connection, 2 some items failed, 3 the import failed',
    );
  return withApiOptions(command).action(async (id: string, options: StatusOptions) => {
    const client = createApiClient(await findApi(options, context.env));
    const shown = await (options.watch === true ? waitShowingProgress({ client, id }, context) : client.show(id));
    const { plural } = KINDS[shown.kind];
    context.print(
      options.json === true ? JSON.stringify(await client.status(plural, id), null, 2) : await summaryOf(shown, client),
    );
    exit(exitCodeOf(shown));
  });
}
