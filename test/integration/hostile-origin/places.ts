import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createSecureContext, createServer as createTlsServer } from 'node:tls';
import { CERTIFICATES } from '../../servers/hostile-origin/certificates.js';
import type { Fault, Place } from '../../servers/hostile-origin/fault.js';
import { startOrigin, type Origin } from '../../servers/origin-server.js';
import { SELF_SIGNED } from '../egress/self-signed.js';
import { startBlackHole } from './black-hole.js';

export interface Places {
  readonly origin: Origin;
  readonly ports: Readonly<Record<Place, number>>;
  /** Connections to any of them that are open now. */
  openSockets(): number;
  close(): Promise<void>;
}

const CONTEXTS = { ...CERTIFICATES, selfSigned: SELF_SIGNED };

async function listening(server: Server, sockets: Set<Socket>): Promise<number> {
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) =>
    server.close(() => {
      resolve();
    }),
  );
}

/** All the servers that faults lead to. The TLS server shows each host the certificate of its fault and passes bytes on. */
export async function startPlaces(certificateOf: ReadonlyMap<string, Fault['certificate']>): Promise<Places> {
  const sockets = new Set<Socket>();
  const origin = await startOrigin();
  const blackHole = await startBlackHole();
  // Without reading it would not notice that a client has gone.
  const silent = createServer((client) => client.resume());
  const refusing = createServer();
  const tls = createTlsServer(
    {
      ...CERTIFICATES.good,
      SNICallback: (host, done) => {
        done(null, createSecureContext(CONTEXTS[certificateOf.get(host) ?? 'good']));
      },
    },
    (client) => {
      const upstream = connect(origin.port, '127.0.0.1');
      client.on('close', () => upstream.destroy());
      client.on('error', () => undefined);
      upstream.on('error', () => client.destroy());
      client.pipe(upstream).pipe(client);
    },
  );
  tls.on('tlsClientError', () => undefined);
  const ports = {
    origin: origin.port,
    'origin-as-tls': origin.port,
    tls: await listening(tls, sockets),
    silent: await listening(silent, sockets),
    'black-hole': blackHole.port,
    closed: await listening(refusing, sockets),
  };
  await closed(refusing);
  return {
    origin,
    ports,
    openSockets: () => origin.openSockets() + sockets.size,
    async close() {
      for (const socket of sockets) socket.destroy();
      await Promise.all([closed(silent), closed(tls), origin.close(), blackHole.close()]);
    },
  };
}
