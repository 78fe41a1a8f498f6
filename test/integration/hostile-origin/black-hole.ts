import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

export interface BlackHole {
  readonly port: number;
  close(): Promise<void>;
}

/** Listens, and then never runs again: its connection backlog fills up, and the kernel drops all further attempts. */
const DEAF_SERVER = `
  const { parentPort } = require('node:worker_threads');
  const server = require('node:net').createServer();
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    parentPort.postMessage(server.address().port);
    setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
  });
`;

/** A connection to loopback is made at once or not at all. */
const KNOCK_MS = 300;
/** A queue of one takes two connections on Linux; no system takes this many. */
const MOST_KNOCKS = 20;

/** A port that neither accepts connections nor refuses them. */
export async function startBlackHole(): Promise<BlackHole> {
  const worker = new Worker(DEAF_SERVER, { eval: true });
  const [port] = (await once(worker, 'message')) as [number];
  const waiting: Socket[] = [];
  for (let full = false; !full && waiting.length < MOST_KNOCKS;) {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    waiting.push(socket);
    full = await Promise.race([once(socket, 'connect').then(() => false), pause(KNOCK_MS, true)]);
  }
  return {
    port,
    async close() {
      for (const socket of waiting) socket.destroy();
      await worker.terminate();
    },
  };
}
