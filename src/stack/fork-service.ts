import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { openLog } from './log-file.js';
import { packageRoot } from './package-root.js';
import type { ServerProcess } from './spawn-server.js';

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
export async function forkService({ command, env, logFile }: ServiceCommand): Promise<ServerProcess> {
  const { handle: log, from: logFrom } = await openLog(logFile);
  try {
    const child: ChildProcess = fork(join(packageRoot(), 'dist', 'src', 'cli.js'), [command], {
      env,
      execArgv: ['--enable-source-maps'],
      detached: true,
      stdio: ['ignore', log.fd, log.fd, 'ipc'],
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    if (child.pid === undefined) throw new Error(`The ${command} has no process id`);
    return { pid: child.pid, child, logFile, logFrom };
  } finally {
    await log.close();
  }
}
