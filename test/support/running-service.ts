import { once } from 'node:events';
import { eventually } from './eventually.js';
import { spawnCli } from './running-stack.js';

/** A loaded machine takes its time; nothing is measured here. */
const LOADED_MS = 150_000;
const DEATH_MS = 150_000;

/** What each says when it is there. A gateway is ready for work a moment later. */
const UP = { gateway: /"msg":"listening"/, worker: /"msg":"polling"/ };

/** The built gateway or worker as a process of its own. */
export interface RunningService {
  readonly pid: number;
  /** Everything it has said. */
  log(): string;
  /** Waits until it listens, or polls, or has ended. */
  loaded(): Promise<void>;
  /** Waits for its end. @throws Error unless it was ended by SIGKILL */
  killed(): Promise<void>;
  /** Ends it by SIGKILL, if it is there. */
  kill(): Promise<void>;
}

export function spawnService(command: 'gateway' | 'worker', env: NodeJS.ProcessEnv): RunningService {
  const child = spawnCli([command], env);
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  return {
    pid: child.pid ?? 0,
    log: () => log,
    async loaded() {
      await eventually(`a ${command} that has loaded`, () => hasEnded() || UP[command].test(log), LOADED_MS);
    },
    async killed() {
      await eventually(`an end of the ${command}`, hasEnded, DEATH_MS);
      if (child.signalCode !== 'SIGKILL') throw new Error(`The ${command} ended with code ${String(child.exitCode)}`);
    },
    async kill() {
      if (hasEnded()) return;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}
