import { Command } from 'commander';
import { loadConfig, type Config } from '../config.js';
import type { CliContext } from './context.js';

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
