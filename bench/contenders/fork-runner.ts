import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Run } from './contender.js';
import type { RunReport } from './serve-runs.js';

export interface Runner {
  readonly pid: number;
  /** @throws Error when the run failed or the process ended */
  run(run: Run): Promise<void>;
  close(): Promise<void>;
}

/** To close its connections and its worker; then it is killed. */
const GRACE_MS = 15_000;

/** Starts a contender's process (see `serveRuns`) from a file beside this one, and waits until it is ready. */
export async function forkRunner(file: string, settings: unknown): Promise<Runner> {
  const path = fileURLToPath(new URL(file, import.meta.url));
  // In a process group of its own: at a Ctrl-C the order of shutdown is this process's.
  const child = fork(path, [JSON.stringify(settings)], { detached: true, stdio: ['ignore', 2, 2, 'ipc'] });
  const ended = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`${file} ended with ${String(signal ?? code)}`);
  });
  ended.catch(() => undefined);
  const nextReport = async (): Promise<RunReport> => {
    const [report] = (await Promise.race([once(child, 'message'), ended])) as [RunReport];
    return report;
  };
  await nextReport();
  if (child.pid === undefined) throw new Error(`${file} has no process id`);
  return {
    pid: child.pid,
    async run(run) {
      const report = nextReport();
      child.send(run);
      const told = await report;
      if ('error' in told && told.error !== null) throw new Error(`${file}: ${told.error}`);
    },
    async close() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const killer = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
      if (child.connected) child.disconnect();
      await ended.catch(() => undefined);
      clearTimeout(killer);
    },
  };
}
