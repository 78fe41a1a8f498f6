import { connect, createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createMongoMessageParser } from './parse-mongo-messages.js';

export interface MongoCounts {
  /** Commands by name. */
  readonly commands: Readonly<Record<string, number>>;
  /** Inserts, updates and deletes within them. */
  readonly writes: number;
}

export interface CountingProxy {
  readonly url: string;
  /** Of everything since it began. */
  counts(): MongoCounts;
  close(): Promise<void>;
}

/** What a driver says for itself, whatever the service does. */
const OWN_AFFAIRS = new Set(['hello', 'isMaster', 'ismaster', 'ping', 'endSessions']);

/** A TCP proxy that counts what is asked of MongoDB, whatever server it is. It costs time: nothing is measured through it. */
export async function startCountingProxy(mongodb: string): Promise<CountingProxy> {
  const { hostname, port } = new URL(mongodb);
  const commands = new Map<string, number>();
  let writes = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true);
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    const parse = createMongoMessageParser((command) => {
      if (OWN_AFFAIRS.has(command.name)) return;
      commands.set(command.name, (commands.get(command.name) ?? 0) + 1);
      writes += command.writes;
    });
    client.on('data', parse);
    client.pipe(upstream);
    upstream.pipe(client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `mongodb://127.0.0.1:${(server.address() as AddressInfo).port}/?directConnection=true`,
    counts: () => ({ commands: Object.fromEntries(commands), writes }),
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
