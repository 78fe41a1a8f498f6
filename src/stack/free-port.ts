import { createServer } from 'node:net';

const LOOPBACK = '127.0.0.1';
/** Enough for many stacks on one machine; beyond it something other than chance takes the ports. */
const PORTS_TRIED = 100;

/** Whether a server could listen on the port of 127.0.0.1 now. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false);
      else reject(error);
    });
    probe.listen({ port, host: LOOPBACK, exclusive: true }, () => {
      probe.close(() => {
        resolve(true);
      });
    });
  });
}

/**
 * The given port if it is free on 127.0.0.1, else the next free one.
 * @param taken ports that were promised to someone who does not listen yet
 * @throws Error when none of the 100 ports from there on is free
 */
export async function freePort(from: number, taken: readonly number[] = []): Promise<number> {
  const end = Math.min(from + PORTS_TRIED, 65_536);
  for (let port = from; port < end; port += 1) {
    if (!taken.includes(port) && (await isPortFree(port))) return port;
  }
  throw new Error(`None of the ports ${from} to ${end - 1} is free`);
}

/**
 * For a port that others were told of and that therefore must not move.
 * @param setting the name of the setting that chooses it, for the message
 * @throws Error when something listens there
 */
export async function requireFreePort(port: number, setting: string): Promise<void> {
  if (!(await isPortFree(port))) throw new Error(`Port ${port} is in use; choose another with ${setting}`);
}

/** A port of 127.0.0.1 that the operating system picks among the free ones. */
export function anyFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen({ port: 0, host: LOOPBACK }, () => {
      const address = probe.address();
      probe.close(() => {
        if (address !== null && typeof address === 'object') resolve(address.port);
        else reject(new Error('The operating system named no port'));
      });
    });
  });
}
