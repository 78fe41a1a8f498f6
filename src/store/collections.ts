import { MongoServerError, type Collection, type Db, type CreateIndexesOptions, type IndexDescription } from 'mongodb';
import type { Delivery } from '../domain/delivery.js';
import type { Batch } from '../domain/import.js';
import type { ActionDocument } from './actions.js';
import type { ClockDocument } from './database-clock.js';
import type { FailureSummary } from './failure-groups.js';
import type { HostDocument, LeaseDocument } from './host-slots.js';
import { HOST_RATES } from './hosts.js';
import type { KeyDocument } from './idempotency-keys.js';
import type { CounterDocument } from './imports.js';
import type { StoredItem } from './item-documents.js';
import type { StoredMedia } from './media-queries.js';
import type { ProjectDocument } from './projects.js';
import type { RetryDocument } from './retries.js';
import type { RemovalNoticeDocument } from './removal-notices.js';
import type { TokenRecord } from './store.js';

/** Every collection of the service. */
export interface Collections {
  readonly batches: Collection<Batch>;
  readonly items: Collection<StoredItem>;
  readonly failures: Collection<FailureSummary>;
  readonly media: Collection<StoredMedia>;
  readonly deliveries: Collection<Delivery>;
  readonly actions: Collection<ActionDocument>;
  readonly retries: Collection<RetryDocument>;
  readonly tokens: Collection<TokenRecord>;
  readonly projects: Collection<ProjectDocument>;
  readonly keys: Collection<KeyDocument>;
  readonly counters: Collection<CounterDocument>;
  readonly condemned: Collection<RemovalNoticeDocument>;
  readonly hosts: Collection<HostDocument>;
  readonly workers: Collection<LeaseDocument>;
  readonly hostRates: Collection;
  readonly clock: Collection<ClockDocument>;
}

export function collectionsOf(db: Db): Collections {
  return {
    batches: db.collection('batches'),
    items: db.collection('items'),
    failures: db.collection('failures'),
    media: db.collection('media'),
    deliveries: db.collection('deliveries'),
    actions: db.collection('actions'),
    retries: db.collection('retries'),
    tokens: db.collection('tokens'),
    projects: db.collection('projects'),
    keys: db.collection('idempotencyKeys'),
    counters: db.collection('counters'),
    condemned: db.collection('condemned'),
    hosts: db.collection('hosts'),
    workers: db.collection('workers'),
    hostRates: db.collection(HOST_RATES),
    clock: db.collection('clock'),
  };
}

/** Every index of every collection, each with the question that it answers. `_id` already orders items and names media. */
const INDEXES = {
  batches: [
    // The reconciler's two questions: what stopped while it was stored, and what was accepted but not started.
    { key: { state: 1, touchedAt: 1 } },
    // What is past its retention, oldest first.
    { key: { finishedAt: 1, _id: 1 } },
    // Started batches by when their workflow was last looked at; the others have left this index.
    { key: { checkedAt: 1 }, partialFilterExpression: { state: 'started' } },
    // The few that a gateway is ending.
    { key: { endingAt: 1 }, sparse: true },
    // The few that are to be cancelled.
    { key: { cancelAskedAt: 1 }, sparse: true },
    // The imports of a project, newest first: all of them, those in one state, those of one system, those with failures.
    { key: { projectId: 1, importSeq: -1 } },
    { key: { projectId: 1, state: 1, importSeq: -1 } },
    { key: { projectId: 1, systemName: 1, importSeq: -1 } },
    { key: { projectId: 1, troubled: 1, importSeq: -1 }, partialFilterExpression: { troubled: true } },
  ],
  items: [
    // Open items in request order, counts by state, and the one open item that a write names. Unique, as `_id` makes it: it holds
    // that promise even if the derivation of ids should change one day.
    { key: { batchId: 1, state: 1, seq: 1 }, unique: true },
    // Items of one host in request order. A host hardly ever changes (a retry may give a new URL), so this costs the insert of an item alone.
    { key: { batchId: 1, host: 1, seq: 1 } },
    // Items with one code. Only those that failed, were skipped or wait for another attempt have one, so no other write pays for it.
    { key: { batchId: 1, code: 1, seq: 1 }, partialFilterExpression: { code: { $exists: true } } },
    // Failures of an import by cause, settled or not, without reading the items.
    { key: { batchId: 1, state: 1, code: 1, host: 1 }, partialFilterExpression: { code: { $exists: true } } },
  ],
  media: [
    // Holds the promise that `_id` makes even if the derivation of ids should change one day. The id of a system comes before its
    // name, so that it also tells whether a project has an external id in any system, and no write pays for a second index.
    { key: { projectId: 1, externalId: 1, systemName: 1 }, unique: true },
    // Which blobs are referred to; and which media of a project have the same bytes, newest first.
    { key: { 'asset.sha256': 1, projectId: 1, createdAt: -1, _id: -1 } },
    // The library of a project, newest first. A filter without an index of its own looks at a bounded part of it at a time.
    { key: { projectId: 1, createdAt: -1, _id: -1 } },
    // The images that tell where they were taken. The others have no entry.
    {
      key: { projectId: 1, 'asset.hasPosition': 1, createdAt: -1, _id: -1 },
      partialFilterExpression: { 'asset.hasPosition': true },
    },
    // What is left of deleted media. Imports that were accepted before a deletion have ended by then.
    { key: { deletedAt: 1 }, sparse: true, expireAfterSeconds: 30 * 24 * 3600 },
  ],
  deliveries: [
    { key: { batchId: 1, createdAt: 1 } },
    // The few messages whose workflow is not known to exist.
    { key: { unstartedSince: 1 }, sparse: true },
  ],
  actions: [
    // The log of one import, media or host.
    { key: { target: 1, at: 1 } },
    { key: { expiresAt: 1 }, expireAfterSeconds: 0 },
  ],
  retries: [
    // The few that are still to be performed.
    { key: { pendingSince: 1 }, sparse: true },
  ],
  condemned: [{ key: { at: 1 } }],
  // Hosts unused for a day.
  hosts: [{ key: { touchedAt: 1 } }],
  workers: [{ key: { renewedAt: 1 } }],
  keys: [{ key: { expiresAt: 1 }, expireAfterSeconds: 0 }],
  // As the library of the rates asks for them.
  hostRates: [
    { key: { expire: -1 }, expireAfterSeconds: 0 },
    { key: { key: 1 }, unique: true },
  ],
} as const satisfies Partial<Record<keyof Collections, readonly IndexDescription[]>>;

/**
 * Creates the indexes that are missing, one command a collection; a process serves only afterwards.
 * @param isReplicated whether the server is a replica set: then a majority of the members that vote completes an index, where by
 *   default all of them would have to be there, and a release with a new index could not start while one is away. A standalone
 *   server refuses to be told so.
 * @throws Error that names the collection and quotes the server when an index cannot be built, for instance because stored
 *   documents break a unique one; the driver's own error when the server cannot be reached
 */
export async function ensureIndexes(collections: Collections, isReplicated: boolean): Promise<void> {
  // No time limit: an index on a large collection takes minutes, and without an answer meanwhile.
  const options: CreateIndexesOptions & { socketTimeoutMS: number } = {
    socketTimeoutMS: 0,
    ...(isReplicated && { commitQuorum: 'majority' }),
  };
  await Promise.all(
    Object.entries(INDEXES).map(([name, indexes]) =>
      build(collections[name as keyof typeof INDEXES] as unknown as Collection, [...indexes], options),
    ),
  );
}

async function build(
  collection: Collection,
  indexes: IndexDescription[],
  options: CreateIndexesOptions,
): Promise<void> {
  try {
    await collection.createIndexes(indexes, options);
  } catch (error) {
    if (!(error instanceof MongoServerError) || !CONFLICTS.has(Number(error.code))) throw error;
    // Without the values: a duplicate key is told with what clients sent.
    const reason = error.message.replace(/ ?dup key: .*$/s, '');
    throw new IndexConflict(`The indexes of ${collection.collectionName} cannot be built: ${reason}`, error.code);
  }
}

/** What no repetition repairs: other options or another key under the same name, stored documents that break a unique index. */
const CONFLICTS = new Set([67, 85, 86, 11_000]);

/** An index of the service is not compatible with what the database holds. */
class IndexConflict extends Error {
  override readonly name = 'IndexConflict';
  constructor(
    message: string,
    readonly code: unknown,
  ) {
    super(message);
  }
}
