import { fork } from 'node:child_process';
import { once } from 'node:events';

export interface BenchOrigin {
  /** Without a slash at its end. */
  readonly origin: string;
  readonly pid: number;
  /** Bytes that it has sent so far, headers included. */
  sent(): Promise<number>;
  close(): void;
}

/** Starts the origin in a process of its own, so that serving takes nothing from the event loop of a contender. */
export async function startOrigin(): Promise<BenchOrigin> {
  const child = fork(new URL('./origin-process.ts', import.meta.url));
  const [origin] = (await once(child, 'message')) as [string];
  if (child.pid === undefined) throw new Error('The origin has no process id');
  return {
    origin,
    pid: child.pid,
    async sent() {
      child.send('sent');
      const [bytes] = (await once(child, 'message')) as [number];
      return bytes;
    },
    close: () => {
      if (child.connected) child.disconnect();
    },
  };
}
