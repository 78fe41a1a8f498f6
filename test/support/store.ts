import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { Store } from '../../src/store/store.js';
import { createStore } from '../../src/store/open-store.js';
import { aTestDatabase, type TestDatabase } from '../servers/mongo.js';

export interface TestStore {
  readonly store: Store;
  /** The same database as the tests see it. */
  readonly database: TestDatabase;
  /** Moves the store's clock, which otherwise stands still. */
  advance(ms: number): void;
  now(): Date;
  close(): Promise<void>;
}

/** A store over a database of its own, with a clock that moves only when told. */
export async function aTestStore(): Promise<TestStore> {
  const database = await aTestDatabase();
  let at = Date.now();
  const now = () => new Date(at);
  const store = await createStore({ url: database.url, database: database.database, now });
  return {
    store,
    database,
    now,
    advance: (ms) => {
      at += ms;
    },
    close: async () => {
      await store.close();
      await database.close();
    },
  };
}

export interface MongoProxy {
  readonly url: string;
  /** From now on no traffic passes: frozen connections stay open, cut ones break at the next byte; null restores it. */
  fail(how: 'frozen' | 'cut' | null): void;
  close(): void;
}

/** Stands between a store and its server, to take the server away in the middle of a conversation. */
export async function aMongoProxy(serverUrl: string): Promise<MongoProxy> {
  const upstream = new URL(serverUrl);
  const sockets = new Set<Socket>();
  let failure: 'frozen' | 'cut' | null = null;
  const pass = (from: Socket, to: Socket) => {
    sockets.add(from);
    from.on('error', () => to.destroy());
    from.on('close', () => to.destroy());
    from.on('data', (chunk) => {
      if (failure === null) to.write(chunk);
      else if (failure === 'cut') from.destroy();
    });
  };
  const proxy = createServer((client) => {
    const server = connect(Number(upstream.port), upstream.hostname);
    pass(client, server);
    pass(server, client);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  return {
    url: `mongodb://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    fail: (how) => {
      failure = how;
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      proxy.close();
    },
  };
}
