import { Command } from 'commander';
import { join } from 'node:path';
import type { Progress } from '../../local-stack/tools.js';
import { startDemoOrigin, startWebhookReceiver } from './servers.js';
import { AlreadyRunningError } from '../../local-stack/processes.js';
import type { RunFile } from '../../local-stack/files.js';
import { EXIT, type CliContext, type ExitCode } from '../context.js';
import { stopOnSignals } from '../start.js';

export function demoCommand(context: CliContext, exit: (code: ExitCode) => void): Command {
  return new Command('demo')
    .description('start everything, import the sample files from a local origin, check what came of it, and stop')
    .action(async () => {
      exit(await demo(context));
    });
}

async function demo(context: CliContext): Promise<ExitCode> {
  const { env, print, complain } = context;
  const { runDemo } = await import('./run-demo.js');
  const [origin, receiver] = await Promise.all([startDemoOrigin(), startWebhookReceiver()]);
  // The origin and the receiver are on this machine, which imports may not reach otherwise.
  const opened = [origin, receiver].map(({ port }) => `127.0.0.1/32:${port}`);
  const allow = [env['EGRESS_ALLOW'], ...opened].filter(Boolean).join(',');
  try {
    return await onStack({ ...env, EGRESS_ALLOW: allow }, complain, async (run) => {
      receiver.useSecret(run.webhookSecret);
      const problems = await runDemo({ run, origin, receiver, context });
      for (const problem of problems) complain(`Not as expected: ${problem}`);
      if (problems.length === 0) print('\nAll as expected');
      print('The Temporal UI of the links ends with the demo; npm start runs the same stack until Ctrl-C');
      return problems.length === 0 ? EXIT.ok : EXIT.trouble;
    });
  } finally {
    await Promise.all([origin.close(), receiver.close()]);
  }
}

/** On DATA_DIR, so that `start` shows the demo's runs later; in a folder below it while another stack runs there. */
async function onStack<T>(env: NodeJS.ProcessEnv, report: Progress, work: (run: RunFile) => Promise<T>): Promise<T> {
  try {
    return await withStack(env, report, work);
  } catch (error) {
    if (!(error instanceof AlreadyRunningError)) throw error;
    const dataDir = join(error.dataDir, 'demo');
    report(`A stack runs on ${error.dataDir} already (process ${error.pid}); the demo takes ${dataDir}`);
    return withStack({ ...env, DATA_DIR: dataDir }, report, work);
  }
}

async function withStack<T>(env: NodeJS.ProcessEnv, report: Progress, work: (run: RunFile) => Promise<T>): Promise<T> {
  const { createStack } = await import('../../local-stack/stack.js');
  const stack = createStack({ env, report });
  const stopping = stopOnSignals(stack, report);
  try {
    const run = await stack.start();
    return await Promise.race([work(run), stopped(stopping.signal)]);
  } finally {
    await stopping.done();
  }
}

function stopped(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => {
      reject(new Error('Stopped before the demo was done'));
    });
  });
}
