/* eslint @typescript-eslint/no-deprecated: off -- the driver asks for `writeConcern` instead, which the connection string overrules */
import { MongoClient, type MongoClientOptions, type Collection } from 'mongodb';
import type { Logger } from 'pino';
import type { HostRate } from '../domain/host.js';
import { createActionStore } from './actions.js';
import { collectionsOf, ensureIndexes } from './collections.js';
import { failDeadWrites, watchTopology } from './connection.js';
import { createDatabaseClock } from './database-clock.js';
import { createDeliveryStore } from './deliveries.js';
import { createHostRate, createHostStore } from './hosts.js';
import { createIdempotencyKeyStore } from './idempotency-keys.js';
import { createBatchStore } from './imports.js';
import { createItemStore } from './items.js';
import { createMediaStore } from './media.js';
import { createProjectStore, createTokenStore, type ProjectDocument } from './projects.js';
import { createRetryStore } from './retries.js';
import { createSecretBox } from './secret-box.js';
import { createRemovalNoticeStore } from './removal-notices.js';
import type { Store } from './store.js';

/**
 * What the promises of the service rest on. Given as flat options, which win over the connection string; the nested `writeConcern`
 * and `readConcern` of the driver do not.
 */
const GUARANTEES = {
  // An acknowledged write survives the loss of a minority of members, and a kill -9 of a single server (journal).
  w: 'majority',
  journal: true,
  // A decision is never based on a write that a failover may roll back, nor on an old state of a secondary.
  readConcernLevel: 'majority',
  readPreference: 'primary',
  // A single-document write or a read whose answer is lost in a failover is sent once more, and takes effect once.
  retryWrites: true,
  retryReads: true,
} as const satisfies MongoClientOptions;

/** What a connection string may say about a guarantee, by the name of the parameter in lower case; null: nothing at all. */
const ALLOWED: Readonly<Record<string, { readonly name: string; readonly value: string | null }>> = {
  w: { name: 'w', value: 'majority' },
  journal: { name: 'journal', value: 'true' },
  j: { name: 'j', value: 'true' },
  readconcernlevel: { name: 'readConcernLevel', value: 'majority' },
  readpreference: { name: 'readPreference', value: 'primary' },
  readpreferencetags: { name: 'readPreferenceTags', value: null },
  maxstalenessseconds: { name: 'maxStalenessSeconds', value: null },
  retrywrites: { name: 'retryWrites', value: 'true' },
  retryreads: { name: 'retryReads', value: 'true' },
};

/** Time limits, in milliseconds. An operator who knows the network better sets them in the connection string. */
const LIMITS = {
  // A member that vanished is noticed when its monitor has waited for both: within 10 s. The driver's defaults add up to 40 s.
  heartbeatFrequencyMS: 4_000,
  // Long enough for a TLS handshake across continents and for a server under full load.
  connectTimeoutMS: 6_000,
  // No command looks at more than some ten thousand documents, so the longest takes a fraction of a second. Ends the wait on a
  // connection that has died without a word while the server itself is well.
  socketTimeoutMS: 30_000,
  // Replication lags by milliseconds, in a backup by seconds. When a majority is away for longer, the caller is told (503)
  // instead of waiting forever. The write may still take effect, as after any lost answer.
  wtimeoutMS: 10_000,
} as const satisfies MongoClientOptions;

/**
 * What a connection string says against the guarantees, one sentence each. Sentences name parameters and never quote anything else,
 * because the string holds a password.
 */
export function connectionProblems(url: string): string[] {
  return [...parametersOf(url)].flatMap(([parameter, values]) => {
    const rule = ALLOWED[parameter];
    if (rule === undefined || values.every((value) => value.toLowerCase() === rule.value)) return [];
    const { name, value } = rule;
    return value === null
      ? [`must not set ${name}: the service reads from the primary only`]
      : [`must not set ${name} to anything but ${value}: the service relies on it, so leave it out`];
  });
}

/**
 * The options of the one client of a process.
 * @param serverSelectionMs how long an operation waits for a server that can take it
 * @throws Error when the connection string contradicts what the service guarantees
 */
export function clientOptions(url: string, serverSelectionMs: number): MongoClientOptions {
  const problems = connectionProblems(url);
  if (problems.length > 0) throw new Error(problems.map((problem) => `MONGODB_URL ${problem}`).join('; '));
  const given = parametersOf(url);
  const limits = Object.entries({ ...LIMITS, serverSelectionTimeoutMS: serverSelectionMs });
  return {
    appName: 'durable-import',
    ...Object.fromEntries(limits.filter(([name]) => !given.has(name.toLowerCase()))),
    ...GUARANTEES,
    // Optional fields that are absent are not stored as null.
    ignoreUndefined: true,
  };
}

/** By lower-case name, as the driver reads them. A `?` can only begin the parameters: elsewhere it has to be escaped. */
function parametersOf(url: string): Map<string, string[]> {
  const parameters = new Map<string, string[]>();
  const query = url.indexOf('?');
  if (query === -1) return parameters;
  for (const [name, value] of new URLSearchParams(url.slice(query + 1))) {
    const key = name.toLowerCase();
    parameters.set(key, [...(parameters.get(key) ?? []), value]);
  }
  return parameters;
}

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
  /** Encrypts request headers of items; without it they are stored as they are. */
  readonly headersKey?: string | undefined;
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
  headersKey,
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
  const collections = collectionsOf(db);
  const { batches, items, failures, media, deliveries, actions, tokens, projects, keys, counters } = collections;
  const { condemned, hosts, workers, clock } = collections;
  const box = createSecretBox(headersKey);
  const date = now ?? (() => new Date());
  const databaseTime = now === undefined ? createDatabaseClock(clock) : () => Promise.resolve(now());
  return {
    address: client.options.srvHost ?? client.options.hosts.map(String).join(','),
    prepare: async () => {
      // Without it a client whose first connection failed never makes another: it keeps its closed topology.
      await client.connect();
      await ensureIndexes(collections, topology.isReplicated());
    },
    batches: createBatchStore({ batches, counters, now: date, databaseTime }),
    items: createItemStore({ items, failures, box, now: date }),
    media: createMediaStore({ media, now: date }),
    deliveries: createDeliveryStore({ deliveries, now: date }),
    actions: createActionStore({ actions, databaseTime }),
    retries: createRetryStore({ ...collections, box, now: date, databaseTime }),
    tokens: createTokenStore(tokens),
    projects: createProjectStore(projects),
    idempotencyKeys: createIdempotencyKeyStore({ keys, databaseTime }),
    removalNotices: createRemovalNoticeStore({ condemned, now: date, isReplicated: topology.isReplicated }),
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
