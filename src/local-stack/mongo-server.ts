import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { MongoClient } from 'mongodb';
import { emulatorCommand, type FoundMongo } from './find-mongo.js';
import { requireFreePort } from './ports.js';
import { spawnServer, stopServer, waitUntilReady, type ServerProcess } from './spawn-server.js';

export interface MongoServerOptions {
  readonly server: FoundMongo;
  readonly port: number;
  /** A folder for its data; made when it is not there. */
  readonly dbPath: string;
  readonly logFile: string;
}

export interface MongoServer extends ServerProcess {
  readonly url: string;
}

const LOOPBACK = '127.0.0.1';
/** Measured 1 to 2 s on two cores; mongod may recover its journal first. */
const READY_TIMEOUT_MS = 60_000;
const PROBE_TIMEOUT_MS = 2_000;
/** Beside the service's own. */
const PROBE_DATABASE = 'durable_import_start';

/**
 * Starts the server; it is not ready yet when this resolves.
 * @throws Error when the port is in use
 */
export async function spawnMongoServer(options: MongoServerOptions): Promise<MongoServer> {
  // Else the one that listens there would be taken for the new one.
  await requireFreePort(options.port, 'MONGODB_PORT');
  const { file, args } = await commandOf(options);
  const server = await spawnServer({ file, args, logFile: options.logFile });
  return { ...server, url: `mongodb://${LOOPBACK}:${options.port}/` };
}

/**
 * Waits until a document can be written and read.
 * @throws Error with the end of the log when it ends first or is not ready after 60 s
 */
export async function waitForMongoServer(server: MongoServer): Promise<void> {
  await waitUntilReady(server, {
    name: 'The MongoDB server',
    timeoutMs: READY_TIMEOUT_MS,
    probe: async () => {
      const client = new MongoClient(server.url, { serverSelectionTimeoutMS: PROBE_TIMEOUT_MS });
      try {
        await readDocument(client);
      } finally {
        await client.close();
      }
    },
  });
}

/** Writes a document and reads it back: a ping is answered also by a server whose files are not open. */
async function readDocument(client: MongoClient): Promise<void> {
  const database = client.db(PROBE_DATABASE);
  // Of the driver's limits only this one also holds for a server that has taken the command and is silent.
  const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS);
  const update = { q: { _id: 'ready' }, u: { $set: { at: new Date() } }, upsert: true };
  await database.command({ update: 'probes', updates: [update] }, { signal });
  const found = await database.collection<{ _id: string }>('probes').findOne({ _id: 'ready' }, { signal });
  if (found === null) throw new Error('The document that was written is not there');
}

/**
 * Starts the server and waits until it is ready.
 * @throws Error as `waitForMongoServer` does; the process is gone then
 */
export async function startMongoServer(options: MongoServerOptions): Promise<MongoServer> {
  const server = await spawnMongoServer(options);
  try {
    await waitForMongoServer(server);
  } catch (error) {
    await stopServer(server);
    throw error;
  }
  return server;
}

/** The two servers do not read each other's files. Data of earlier versions has to be found, so the names stay. */
const FOLDERS = { mongod: 'mongod', emulator: 'stand-in' } as const;

async function commandOf({ server, port, dbPath }: MongoServerOptions): Promise<{ file: string; args: string[] }> {
  const folder = join(dbPath, FOLDERS[server.kind]);
  await mkdir(folder, { recursive: true });
  if (server.kind === 'emulator') return emulatorCommand(server, port, join(folder, 'documents.mv'));
  return { file: server.executable, args: ['--bind_ip', LOOPBACK, '--port', String(port), '--dbpath', folder] };
}
