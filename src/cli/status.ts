import { Command } from 'commander';
import { KINDS } from '../contract/kinds.js';
import { createApiClient } from './api-client.js';
import type { CliContext } from './context.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import { findApi, withApiOptions, type ApiOptions } from './find-api.js';
import { exitCodeOf, waitWithBar } from './wait-for-import.js';

interface StatusOptions extends ApiOptions {
  readonly watch?: true;
}

export function statusCommand({ env, print }: CliContext, exit: (code: ExitCode) => void): Command {
  const command = new Command('status')
    .description('print the status document of an import')
    .argument('<id>', 'import id')
    .option('--watch', 'show progress until the import has finished, and end as submit --wait does');
  return withApiOptions(command).action(async (id: string, options: StatusOptions) => {
    const client = createApiClient(await findApi(options, env));
    const { plural } = KINDS[(await client.show(id)).kind];
    const isWatching = options.watch === true;
    const status = isWatching
      ? await waitWithBar({ client, plural, id }, process.stderr.isTTY)
      : await client.status(plural, id);
    print(JSON.stringify(status, null, 2));
    exit(isWatching ? exitCodeOf(status, plural) : EXIT.ok);
  });
}
