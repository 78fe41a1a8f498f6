import { fork, type ChildProcess } from 'node:child_process';
import { mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { packageRoot } from './package-root.js';

export interface ServiceCommand {
  readonly command: 'gateway' | 'worker';
  readonly env: NodeJS.ProcessEnv;
  /** Standard output and standard error are appended here. */
  readonly logFile: string;
}

/**
 * Starts the gateway or the worker from the built package, with a channel to this process: the service ends when the channel
 * does, however this process dies. In a process group of its own, so that Ctrl-C leaves the order of shutdown to this process.
 * @throws Error when it cannot be run
 */
export async function forkService({ command, env, logFile }: ServiceCommand): Promise<ChildProcess> {
  await mkdir(dirname(logFile), { recursive: true });
  const log = await open(logFile, 'a');
  try {
    const child = fork(join(packageRoot(), 'dist', 'src', 'cli.js'), [command], {
      env,
      execArgv: ['--enable-source-maps'],
      detached: true,
      stdio: ['ignore', log.fd, log.fd, 'ipc'],
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    return child;
  } finally {
    await log.close();
  }
}
