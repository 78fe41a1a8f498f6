import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { BSON } from 'mongodb';
import { createStack } from '../../src/local-stack/stack.js';
import { importThroughService } from '../stack/import-client.js';
import type { Bench } from '../stack/with-bench.js';

export interface MongoCost extends MongoCounts {
  readonly items: number;
}

/** Not counted: a new gateway and worker create indexes, tokens and caches, which are no cost of an item. */
const WARM_UP_ITEMS = 500;
/** Small, since the size of a file does not change what is asked of MongoDB. */
const BYTES = 4_096;

/**
 * Counts what an import asks of MongoDB, in a pass of its own: a second gateway and worker on the same servers, with a counting
 * proxy in front of MongoDB. Polls of this benchmark are in it, four a second.
 */
export async function measureMongoCost(bench: Bench, items: number): Promise<MongoCost> {
  const proxy = await startCountingProxy(bench.mongodb);
  bench.cleanup.add(() => proxy.close());
  const { origin } = bench.origin;
  const env = {
    ...process.env,
    // Those of the first stack are taken.
    PORT: '',
    METRICS_PORT: '',
    DATA_DIR: join(bench.dataDir, 'counting'),
    TEMPORAL_ADDRESS: bench.temporal,
    TEMPORAL_TASK_QUEUE: 'bench-counting',
    MONGODB_URL: proxy.url,
    MONGODB_DATABASE: bench.databaseName('counting'),
    EGRESS_ALLOW: `127.0.0.1/32:${new URL(origin).port}`,
    RATE_LIMIT: 'off',
  };
  const stack = createStack({ env, report: bench.report });
  bench.cleanup.add(() => stack.stop());
  const { api, token } = await stack.start();
  if (token === null) throw new Error('The benchmark makes its own token: unset TOKEN_JWKS_FILE');
  const service = { api, token, origin };
  await importThroughService({ ...service, run: { name: 'counting-warm-up', items: WARM_UP_ITEMS, bytes: BYTES } });
  const before = proxy.counts();
  await importThroughService({ ...service, run: { name: 'counting', items, bytes: BYTES } });
  const after = proxy.counts();
  await stack.stop();
  const names = Object.entries(after.commands);
  return {
    items,
    writes: after.writes - before.writes,
    commands: Object.fromEntries(names.map(([name, count]) => [name, count - (before.commands[name] ?? 0)])),
  };
}

interface MongoCounts {
  /** Commands by name. */
  readonly commands: Readonly<Record<string, number>>;
  /** Inserts, updates and deletes within them. */
  readonly writes: number;
}

interface CountingProxy {
  readonly url: string;
  /** Of everything since it began. */
  counts(): MongoCounts;
  close(): Promise<void>;
}

/** Commands that a driver sends on its own account, whatever the service does. */
const OWN_AFFAIRS = new Set(['hello', 'isMaster', 'ismaster', 'ping', 'endSessions']);

/** A TCP proxy that counts what is asked of MongoDB, whatever server it is. It costs time: nothing is measured through it. */
async function startCountingProxy(mongodb: string): Promise<CountingProxy> {
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

export interface MongoCommand {
  /** Such as `find` or `update`. */
  readonly name: string;
  /** What a write command holds: documents to insert, updates, deletes. 0 of a command that reads. */
  readonly writes: number;
}

/** MongoDB wire protocol: a header of four int32 (length, request id, answered id, operation). */
const HEADER_BYTES = 16;
const OP_MSG = 2013;
/** Fields of a write command that hold its statements, as a section of their own or in the body. */
const STATEMENTS = ['documents', 'updates', 'deletes'];

/**
 * Splits what a driver sends on one connection into commands; chunks may end anywhere. Everything but OP_MSG, which is all that
 * drivers send after the handshake, is passed over.
 */
export function createMongoMessageParser(onCommand: (command: MongoCommand) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= HEADER_BYTES && rest.length >= rest.readInt32LE(0)) {
      const message = rest.subarray(0, rest.readInt32LE(0));
      rest = rest.subarray(message.length);
      if (message.readInt32LE(12) === OP_MSG) onCommand(parseCommand(message));
    }
  };
}

/** Sections of an OP_MSG: kind 0 is the body, kind 1 a named sequence of documents. The first 4 bytes are flags. */
function parseCommand(message: Buffer): MongoCommand {
  const hasChecksum = (message.readUInt32LE(HEADER_BYTES) & 1) !== 0;
  const end = message.length - (hasChecksum ? 4 : 0);
  let body: Record<string, unknown> = {};
  let writes = 0;
  for (let at = HEADER_BYTES + 4; at < end;) {
    const size = message.readInt32LE(at + 1);
    const section = message.subarray(at + 1, at + 1 + size);
    if (message[at] === 0) body = BSON.deserialize(section);
    else writes += documentsIn(section);
    at += 1 + size;
  }
  for (const field of STATEMENTS) {
    const statements = body[field];
    if (Array.isArray(statements)) writes += statements.length;
  }
  const name = Object.keys(body)[0] ?? 'unknown';
  return { name, writes: name === 'findAndModify' ? 1 : writes };
}

function documentsIn(section: Buffer): number {
  // Its size, its name, which ends with a NUL, and then document after document.
  let at = section.indexOf(0, 4) + 1;
  let count = 0;
  for (; at < section.length; count += 1) at += section.readInt32LE(at);
  return count;
}
