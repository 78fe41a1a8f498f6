import { once } from 'node:events';
import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer } from 'node:net';

export interface Canary {
  /** The port that every loopback address listens on, beside 80 and 443 where the machine permits it. */
  readonly port: number;
  /** `address:port` of every listener. */
  readonly listening: readonly string[];
  /** Connections seen so far, as `address:port` of the listener. */
  readonly connections: readonly string[];
  close(): Promise<void>;
}

const ADDRESSES = ['127.0.0.1', '127.0.0.2', '::1'] as const;
const WEB_PORTS = [80, 443] as const;

async function listen(server: Server, port: number, host: string): Promise<AddressInfo | undefined> {
  server.listen(port, host);
  try {
    await once(server, 'listening');
    return server.address() as AddressInfo;
  } catch {
    return undefined; // no IPv6 here, no right to low ports, or the port is taken
  }
}

/**
 * Listens where forbidden requests would arrive and counts TCP connections. 127.0.0.1 and the shared port are certain; the
 * other addresses and ports join in where the machine allows it.
 */
export async function startCanary(): Promise<Canary> {
  const servers: Server[] = [];
  const sockets = new Set<Socket>();
  const connections: string[] = [];
  const listening: string[] = [];

  async function watch(host: string, port: number): Promise<number | undefined> {
    const server = createServer();
    const address = await listen(server, port, host);
    if (address === undefined) return undefined;
    const name = `${host}:${address.port}`;
    server.on('connection', (socket) => {
      connections.push(name);
      sockets.add(socket.on('error', () => undefined));
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\ncanary');
    });
    servers.push(server);
    listening.push(name);
    return address.port;
  }

  const port = await watch('127.0.0.1', 0);
  if (port === undefined) throw new Error('The canary cannot listen on 127.0.0.1');
  for (const host of ADDRESSES) {
    if (host !== '127.0.0.1') await watch(host, port);
    for (const webPort of WEB_PORTS) await watch(host, webPort);
  }

  return {
    port,
    listening,
    connections,
    async close() {
      for (const socket of sockets) socket.destroy();
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    },
  };
}
