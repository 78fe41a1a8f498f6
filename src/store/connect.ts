import { MongoClient, type Db } from 'mongodb';
import type { HostRate } from '../contract/hosts.js';
import type { Store } from '../contract/store.js';
import { createBatchStore } from './batches.js';
import { collectionsOf } from './collections.js';
import { createCondemnedStore } from './condemned.js';
import { createDeliveryStore } from './deliveries.js';
import { failDeadWrites } from './fail-dead-writes.js';
import { createIdempotencyKeyStore } from './idempotency-keys.js';
import { createHostRate, ensureRateIndexes } from './host-rate.js';
import { createHostStore } from './hosts.js';
import { ensureIndexes } from './indexes.js';
import { createItemStore } from './items.js';
import { createMediaStore } from './media.js';
import { createProjectStore } from './projects.js';
import { createTokenStore } from './tokens.js';

/** The port's promise: readiness has to be known within a probe's usual time limit. */
const PING_MS = 2_000;

export interface StoreOptions {
  readonly url: string;
  readonly database: string;
  /**
   * How long an operation waits for a server that can take it, in milliseconds. A replica set elects a new primary within 12
   * seconds, says MongoDB's manual, so that the default rides out an election.
   */
  readonly serverSelectionMs?: number;
  /** The clock of everything that expires or is dated by the store. */
  readonly now?: () => Date;
}

export interface OpenedStore extends Store {
  /** Hosts and ports, without credentials: what a message may say. */
  readonly address: string;
  /**
   * Connects and creates missing indexes; to be done before anything is served.
   * @throws when the server cannot be reached or an index cannot be built
   */
  prepare(): Promise<void>;
  /** A rate that all workers share. */
  hostRate(rate: { points: number; windowMs: number }): HostRate;
}

/** Opens the store without waiting for its server: operations connect when they must. */
export function openStore({
  url,
  database,
  serverSelectionMs = 15_000,
  now = () => new Date(),
}: StoreOptions): OpenedStore {
  failDeadWrites();
  const client = new MongoClient(url, {
    appName: 'durable-import',
    serverSelectionTimeoutMS: serverSelectionMs,
    // An acknowledged write survives the loss of a minority of servers, and a kill -9 of a single one (journal).
    writeConcern: { w: 'majority', journal: true },
    // Optional fields that are absent are not stored as null.
    ignoreUndefined: true,
  });
  const db = client.db(database);
  const { batches, items, media, deliveries, tokens, projects, keys, counters, condemned, hosts, workers } =
    collectionsOf(db);
  return {
    address: client.options.srvHost ?? client.options.hosts.map(String).join(','),
    prepare: async () => {
      // Without it a client whose first connection failed never makes another: it keeps its closed topology.
      await client.connect();
      await Promise.all([ensureIndexes(collectionsOf(db)), ensureRateIndexes(db)]);
    },
    batches: createBatchStore({ batches, counters, now }),
    items: createItemStore({ items, now }),
    media: createMediaStore({ media, now }),
    deliveries: createDeliveryStore({ deliveries, now }),
    tokens: createTokenStore(tokens),
    projects: createProjectStore(projects),
    idempotencyKeys: createIdempotencyKeyStore({ keys, now }),
    condemned: createCondemnedStore({ condemned, now }),
    hosts: createHostStore({ hosts, workers, now }),
    hostRate: (rate) => createHostRate(db, rate),
    ping: () => ping(db),
    close: () => client.close(),
  };
}

/**
 * Opens the store and prepares it.
 * @throws as `prepare` does; nothing stays open then
 */
export async function createStore(options: StoreOptions): Promise<OpenedStore> {
  const store = openStore(options);
  try {
    await store.prepare();
  } catch (error) {
    await store.close();
    throw error;
  }
  return store;
}

async function ping(db: Db): Promise<void> {
  // Not `timeoutMS`: without one on the client too, the driver waits for its server monitor, which takes 40 seconds.
  await db.command({ ping: 1 }, { signal: AbortSignal.timeout(PING_MS) });
}
