import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { LoopFigures } from './watch-loop.js';

/** A gateway in a process of its own. */
export interface GatewayProcess {
  readonly origin: string;
  /** Everything that it has said on stderr. */
  log(): string;
  isAlive(): boolean;
  tokenOf(projectId: string): Promise<string>;
  /** What its event loop did since this was last asked. */
  figures(): Promise<LoopFigures>;
  close(): Promise<void>;
}

/** @param heapMib what its heap may take, as `NODE_OPTIONS=--max-old-space-size` says it */
export async function spawnGateway(heapMib: number): Promise<GatewayProcess> {
  const main = fileURLToPath(new URL('./main.ts', import.meta.url));
  const child = spawn(process.execPath, [`--max-old-space-size=${heapMib}`, '--import', 'tsx', main], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let log = '';
  child.stderr?.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const ended = once(child, 'exit');
  const isAlive = () => child.exitCode === null && child.signalCode === null;
  const next = async (): Promise<Record<string, unknown>> => {
    const answer = await Promise.race([once(child, 'message'), ended.then(() => null)]);
    if (answer === null) throw new Error(`The gateway has ended:\n${log}`);
    return answer[0] as Record<string, unknown>;
  };
  const ask = (question: object) => {
    const answer = next();
    child.send(question);
    return answer;
  };
  const { origin } = await next();
  return {
    origin: origin as string,
    log: () => log,
    isAlive,
    tokenOf: async (projectId) => (await ask({ tokenOf: projectId }))['token'] as string,
    figures: async () => (await ask({}))['figures'] as LoopFigures,
    async close() {
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}
