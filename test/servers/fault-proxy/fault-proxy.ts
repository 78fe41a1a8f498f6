import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { eventually } from '../../support/eventually.js';
import { connectThrough, type ProxiedConnection } from './proxied-connection.js';
import type { Toxic } from './toxic.js';

export interface FaultProxy {
  readonly port: number;
  /** Puts the link under the toxic, or heals it with null. Resolves when new connections meet the change. */
  set(toxic: Toxic | null): Promise<void>;
  readonly toxic: Toxic | null;
  /** Connections that clients hold open now. */
  open(): number;
  /** Connections that were accepted so far. */
  accepted(): number;
  /** Bytes that were passed on so far. */
  bytes(): { readonly up: number; readonly down: number };
  /** Breaks what is open; resolves when nothing of the proxy is left. */
  close(): Promise<void>;
}

export interface FaultProxyOptions {
  /** Of 127.0.0.1, as are both ends. */
  readonly targetPort: number;
  /** Any free port when absent. A link that is cut needs one that no other process can get in the meantime. */
  readonly port?: number;
  /** 0 ≤ x < 1, for jitter. */
  readonly random?: () => number;
}

const LOOPBACK = '127.0.0.1';

/** A TCP proxy between two processes of this machine whose link can be made bad at any time. */
export async function startFaultProxy({
  targetPort,
  port: wanted = 0,
  random = Math.random,
}: FaultProxyOptions): Promise<FaultProxy> {
  const connections = new Map<Socket, ProxiedConnection>();
  const bytes = { up: 0, down: 0 };
  let accepted = 0;
  let toxic: Toxic | null = null;
  let server: Server | null = null;
  let port = wanted;

  const accept = (client: Socket): void => {
    accepted += 1;
    const target = connect({ host: LOOPBACK, port: targetPort, allowHalfOpen: true });
    for (const socket of [client, target]) socket.setNoDelay(true);
    const connection = connectThrough({
      client,
      target,
      toxic: () => toxic,
      random,
      onBytes: (direction, count) => {
        bytes[direction] += count;
      },
    });
    connections.set(client, connection);
    void connection.ended.then(() => connections.delete(client));
  };
  const listen = async (): Promise<void> => {
    const created = createServer({ allowHalfOpen: true }, accept);
    const listening = once(created, 'listening');
    created.listen(port, LOOPBACK);
    await listening;
    const address = created.address();
    if (address !== null && typeof address === 'object') port = address.port;
    server = created;
  };
  const breakAll = async (): Promise<void> => {
    const open = [...connections.values()];
    for (const connection of open) connection.reset();
    await Promise.all(open.map(({ ended }) => ended));
  };
  /** No connection is accepted any more, and none is open. */
  const shut = async (): Promise<void> => {
    const closing = server;
    server = null;
    if (closing === null) return;
    const closed = once(closing, 'close');
    closing.close();
    await breakAll();
    await closed;
  };

  await listen();
  return {
    get port() {
      return port;
    },
    get toxic() {
      return toxic;
    },
    async set(next) {
      toxic = next;
      for (const connection of connections.values()) connection.onToxic(next);
      if (next?.kind === 'cut') await shut();
      else if (server === null)
        await eventually(`port ${port} of a fault proxy`, async () => {
          await listen();
          return true;
        });
      if (next?.kind === 'reset') await breakAll();
    },
    open: () => connections.size,
    accepted: () => accepted,
    bytes: () => ({ ...bytes }),
    close: shut,
  };
}
