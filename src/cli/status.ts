import { Command } from 'commander';
import { KINDS } from '../contract/kinds.js';
import { createApiClient } from './api-client.js';
import type { CliContext } from './context.js';
import type { ExitCode } from './exit-codes.js';
import { findApi, withApiOptions, type ApiOptions } from './find-api.js';
import { exitCodeOf, summaryOf } from './import-summary.js';
import { waitShowingProgress } from './wait-for-import.js';

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
