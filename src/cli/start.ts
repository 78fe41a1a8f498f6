import { once } from 'node:events';
import { Command } from 'commander';
import type { RunFile } from '../stack/run-file.js';
import type { CliContext } from './context.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import { stopOnSignals } from './stop-on-signals.js';

export function startCommand(context: CliContext, exit: (code: ExitCode) => void): Command {
  return new Command('start')
    .description('run Temporal, MongoDB, the gateway and a worker on this machine until Ctrl-C')
    .action(async () => {
      exit(await start(context));
    });
}

async function start({ env, print, complain }: CliContext): Promise<ExitCode> {
  const { createStack } = await import('../stack/stack.js');
  const stack = createStack({ env, report: complain });
  const stopping = stopOnSignals(stack, complain);
  try {
    const run = await stack.start();
    print(welcome(run));
    await once(stopping.signal, 'abort');
  } catch (error) {
    if (!stopping.signal.aborted) throw error;
  }
  await stopping.done();
  complain('Stopped');
  return EXIT.ok;
}

function welcome({ api, ui, temporal, temporalCli, token, webhookSecret }: RunFile): string {
  const bearer = token ?? '<a token of your identity provider>';
  const body = {
    systemName: 'try-out',
    videos: [
      {
        url: 'https://media.w3.org/2010/05/sintel/trailer.mp4',
        id: 'trailer',
        fileName: 'trailer.mp4',
        metadata: { title: 'A trailer' },
      },
    ],
  };
  return [
    '',
    `API             ${api}`,
    `Token           ${token ?? 'comes from the identity provider of TOKEN_JWKS_FILE'}`,
    `Webhook secret  ${webhookSecret}`,
    `Temporal UI     ${ui ?? 'not known: set TEMPORAL_UI_URL'}`,
    `Temporal        ${temporal}`,
    ...(temporalCli === null ? [] : [`Temporal CLI    ${temporalCli}`]),
    '',
    `curl -X POST ${api}/api/v1/import/videos -H 'Authorization: Bearer ${bearer}' \\`,
    `  -H 'Content-Type: application/json' -d '${JSON.stringify(body)}'`,
    '',
    'Ctrl-C stops everything; unfinished imports go on with the next start',
  ].join('\n');
}
