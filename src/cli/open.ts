import { Client, Connection } from '@temporalio/client';
import { loadConfig, type Config } from '../config.js';
import { readRunFile } from '../local-stack/files.js';
import type { Store } from '../store/store.js';
import { temporalConnectionOptions } from '../temporal/client.js';

/**
 * Works on the database that MONGODB_URL names, else on that of the stack that runs on DATA_DIR.
 * @throws Error that says so when there is neither
 */
export async function withStore<T>(
  env: NodeJS.ProcessEnv,
  work: (store: Store, config: Config) => Promise<T>,
): Promise<T> {
  const config = loadConfig(env);
  const url = env['MONGODB_URL'] ? config.MONGODB_URL : (await readRunFile(config.DATA_DIR))?.mongodb;
  if (url === undefined) throw new Error(`Nothing runs on ${config.DATA_DIR}: run start first, or set MONGODB_URL`);
  const { createStore } = await import('../store/open-store.js');
  const store = await createStore({ url, database: config.MONGODB_DATABASE });
  try {
    return await work(store, config);
  } finally {
    await store.close();
  }
}

/** A server on this machine answers at once, one elsewhere in a second. */
const CONNECT_TIMEOUT_MS = 10_000;

export interface FoundTemporal {
  readonly client: Client;
  readonly config: Config;
  /** host:port, for messages. */
  readonly address: string;
}

/**
 * Works with the Temporal server that TEMPORAL_ADDRESS names, else with that of the stack that runs on DATA_DIR.
 * @throws Error that says so when there is neither, or when it does not answer
 */
export async function withTemporal<T>(env: NodeJS.ProcessEnv, work: (found: FoundTemporal) => Promise<T>): Promise<T> {
  const config = loadConfig(env);
  const address = env['TEMPORAL_ADDRESS'] ? config.TEMPORAL_ADDRESS : (await readRunFile(config.DATA_DIR))?.temporal;
  if (address === undefined)
    throw new Error(`Nothing runs on ${config.DATA_DIR}: run start first, or set TEMPORAL_ADDRESS`);
  const connection = await connect(address, config);
  try {
    return await work({ client: new Client({ connection, namespace: config.TEMPORAL_NAMESPACE }), config, address });
  } finally {
    await connection.close();
  }
}

async function connect(address: string, config: Config): Promise<Connection> {
  const options = { ...temporalConnectionOptions(config), address, connectTimeout: CONNECT_TIMEOUT_MS };
  try {
    return await Connection.connect(options);
  } catch (cause) {
    throw new Error(`Temporal cannot be reached at ${address}`, { cause });
  }
}
