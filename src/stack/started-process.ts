import type { ChildProcess } from 'node:child_process';
import { stopServer } from './spawn-server.js';
import type { Started } from './supervise.js';

/**
 * A child process as the supervisor sees it.
 * @param graceMs how long it may take to end when asked to, before it is killed
 */
export function startedProcess(child: ChildProcess, graceMs: number): Started {
  const { pid } = child;
  if (pid === undefined) throw new Error(`${child.spawnfile} was not started`);
  const ended = new Promise<string>((resolve) => {
    const tell = (): void => {
      resolve(child.signalCode ?? `code ${String(child.exitCode)}`);
    };
    // It may have ended before anybody could listen.
    if (child.exitCode !== null || child.signalCode !== null) tell();
    else child.once('exit', tell);
  });
  return {
    pid,
    ended,
    stop: () => stopServer({ child }, graceMs),
    kill: () => {
      child.kill('SIGKILL');
    },
  };
}
