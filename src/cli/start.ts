import { once } from 'node:events';
import { Command } from 'commander';
import { loadConfig, type Config } from '../config.js';
import type { RunFile } from '../local-stack/files.js';
import type { Stack } from '../local-stack/stack.js';
import type { Progress } from '../local-stack/tools.js';
import { EXIT, type CliContext, type ExitCode } from './context.js';

/** As a shell reports a process that SIGINT ended. */
const INTERRUPTED = 130;
/** npm hands every Ctrl-C on to what it runs, which has got it from the terminal already. */
const SAME_KEYSTROKE_MS = 500;

export interface Stopping {
  /** Aborts with the first signal. */
  readonly signal: AbortSignal;
  /** Stops the stack, unless a signal has begun that already, and resolves when nothing is left. */
  done(): Promise<void>;
}

/**
 * Stops a stack in order on the first Ctrl-C, SIGTERM or end of the terminal. A second one, from a user who does not want to
 * wait, kills whatever still runs: nothing is lost by that, it only takes the next start longer.
 */
export function stopOnSignals(stack: Stack, report: Progress): Stopping {
  const first = new AbortController();
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopped ??= stack.stop());
  const events = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  let firstAt = 0;
  const onSignal = (): void => {
    if (first.signal.aborted) {
      if (Date.now() - firstAt < SAME_KEYSTROKE_MS) return;
      stack.kill();
      process.exit(INTERRUPTED);
    }
    report('Stopping; once more kills everything at once');
    firstAt = Date.now();
    first.abort();
    stop().catch((error: unknown) => {
      report(error instanceof Error ? error.message : String(error));
    });
  };
  for (const event of events) process.on(event, onSignal);
  return {
    signal: first.signal,
    async done() {
      await stop();
      for (const event of events) process.off(event, onSignal);
    },
  };
}

export function startCommand(context: CliContext, exit: (code: ExitCode) => void): Command {
  return new Command('start')
    .description('run Temporal, MongoDB, the gateway and a worker on this machine until Ctrl-C')
    .action(async () => {
      exit(await start(context));
    });
}

async function start({ env, print, complain }: CliContext): Promise<ExitCode> {
  const { createStack } = await import('../local-stack/stack.js');
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
    `Page            ${api}/ui/`,
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

/** A forked service is gone this long after the process that forked it, on a loaded machine a little later: 5 s are promised. */
const LEAVE_MS = 3_000;

export function gatewayCommand({ env }: CliContext): Command {
  return new Command('gateway')
    .description('run the HTTP gateway; configured by the environment alone')
    .action(() => runService(async () => (await import('../gateway.js')).runGateway, env));
}

export function workerCommand({ env }: CliContext): Command {
  return new Command('worker')
    .description('run a worker; configured by the environment alone')
    .action(() => runService(async () => (await import('../worker.js')).runWorker, env));
}

/** The service itself ends in order on SIGTERM, SIGINT and `disconnect`; this only makes sure that it does end. */
async function runService(
  load: () => Promise<(config: Config) => Promise<void>>,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const config = loadConfig(env);
  process.once('disconnect', () => {
    setTimeout(() => {
      process.exit(1);
    }, LEAVE_MS).unref();
  });
  try {
    const run = await load();
    await run(config);
  } finally {
    // The channel would keep a service that is done alive.
    if (process.connected) process.disconnect();
  }
}
