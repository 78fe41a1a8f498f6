import { MongoClient, type Collection } from 'mongodb';
import type { Logger } from 'pino';
import type { HostRate } from '../contract/hosts.js';
import type { Store } from '../contract/store.js';
import { createBatchStore } from './batches.js';
import { clientOptions } from './client-options.js';
import { collectionsOf } from './collections.js';
import { createCondemnedStore } from './condemned.js';
import { createDatabaseClock } from './database-clock.js';
import { createDeliveryStore } from './deliveries.js';
import { failDeadWrites } from './fail-dead-writes.js';
import { createIdempotencyKeyStore } from './idempotency-keys.js';
import { createHostRate } from './host-rate.js';
import { createHostStore } from './hosts.js';
import { ensureIndexes } from './indexes.js';
import { createItemStore } from './items.js';
import { createMediaStore } from './media.js';
import { createProjectStore, type ProjectDocument } from './projects.js';
import { createTokenStore } from './tokens.js';
import { watchTopology } from './watch-topology.js';

/** The port's promise: readiness has to be known within a probe's usual time limit. */
const PING_MS = 2_000;
/**
 * A replica set elects a new primary within 12 seconds, says MongoDB's manual, and the driver looks for it every 4 seconds at most.
 * Shorter outages take no gateway out of rotation: they would take all of them out at once, and clients would get no answer instead
 * of a 503 with `Retry-After`.
 */
const ELECTION_MS = 16_000;
/** As long as an election, so that an operation that begins with one still gets through. */
const SERVER_SELECTION_MS = 15_000;

export interface StoreOptions {
  readonly url: string;
  readonly database: string;
  /**
   * How long an operation waits for a server that can take it, in milliseconds; by default it rides out an election of a replica
   * set. `serverSelectionTimeoutMS` in the URL stands above it.
   */
  readonly serverSelectionMs?: number;
  /** For tests: the clock of everything, leases included. By default dates are those of the process and leases the database's. */
  readonly now?: () => Date;
  /** Told when no server takes writes, and when one does again. */
  readonly logger?: Pick<Logger, 'info' | 'warn'>;
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

/**
 * Opens the store without waiting for its server: operations connect when they must.
 * @throws Error when the URL is not a connection string, or contradicts what the service guarantees (`client-options.ts`)
 */
export function openStore({
  url,
  database,
  serverSelectionMs = SERVER_SELECTION_MS,
  now,
  logger,
}: StoreOptions): OpenedStore {
  failDeadWrites((message) => {
    if (logger === undefined) process.emitWarning(message);
    else logger.warn(message);
  });
  const client = new MongoClient(url, clientOptions(url, serverSelectionMs));
  const topology = watchTopology(client, logger);
  const db = client.db(database);
  const { batches, items, media, deliveries, tokens, projects, keys, counters, condemned, hosts, workers, clock } =
    collectionsOf(db);
  const date = now ?? (() => new Date());
  const databaseTime = now === undefined ? createDatabaseClock(clock) : () => Promise.resolve(now());
  return {
    address: client.options.srvHost ?? client.options.hosts.map(String).join(','),
    prepare: async () => {
      // Without it a client whose first connection failed never makes another: it keeps its closed topology.
      await client.connect();
      await ensureIndexes(collectionsOf(db), topology.isReplicated());
    },
    batches: createBatchStore({ batches, counters, now: date, databaseTime }),
    items: createItemStore({ items, now: date }),
    media: createMediaStore({ media, now: date }),
    deliveries: createDeliveryStore({ deliveries, now: date }),
    tokens: createTokenStore(tokens),
    projects: createProjectStore(projects),
    idempotencyKeys: createIdempotencyKeyStore({ keys, databaseTime }),
    condemned: createCondemnedStore({ condemned, now: date, isReplicated: topology.isReplicated }),
    hosts: createHostStore({ hosts, workers, now: date, databaseTime }),
    hostRate: (rate) => createHostRate(db, rate),
    databaseTime,
    ping: createPing(projects),
    close: () => {
      topology.ignore();
      return client.close();
    },
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

/** Reads a document, as every request does: a server that answers a `ping` may be no primary, or refuse to be read. */
function createPing(projects: Collection<ProjectDocument>, elapsed = () => performance.now()): () => Promise<void> {
  let answeredAt = -Infinity;
  return async () => {
    try {
      // Not `timeoutMS`: without one on the client too, the driver waits for its server monitor, which takes 10 seconds.
      await projects.findOne({}, { projection: { _id: 1 }, signal: AbortSignal.timeout(PING_MS) });
      answeredAt = elapsed();
    } catch (error) {
      if (elapsed() - answeredAt >= ELECTION_MS) throw error;
    }
  };
}
