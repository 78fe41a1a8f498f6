import type { Collections } from './collections.js';

/**
 * Creates the indexes that are missing; a process serves only afterwards. `_id` already orders items and names media.
 * @throws when an index cannot be built, for instance because stored documents break a unique one
 */
export async function ensureIndexes(collections: Collections): Promise<void> {
  const { batches, items, media, deliveries, keys, condemned, hosts, workers } = collections;
  await Promise.all([
    // The reconciler's two questions: what stopped while it was stored, and what was accepted but not started.
    batches.createIndex({ state: 1, touchedAt: 1 }),
    // What is past its retention, oldest first.
    batches.createIndex({ finishedAt: 1, _id: 1 }),
    // Started batches by when their workflow was last looked at; the others have left this index.
    batches.createIndex({ checkedAt: 1 }, { partialFilterExpression: { state: 'started' } }, undefined),
    // The few that a gateway is ending.
    batches.createIndex({ endingAt: 1 }, { sparse: true }, undefined),
    // The running imports of a project.
    batches.createIndex({ projectId: 1, state: 1 }),
    // Open items in request order, counts by state, and the one open item that a write names. (batchId, seq) is unique already
    // through `_id`; saying so lets the stand-in server use the index, for it uses no others.
    items.createIndex({ batchId: 1, state: 1, seq: 1 }, { unique: true }, undefined),
    // Items of one host in request order. A host never changes, so this costs the insert of an item alone.
    items.createIndex({ batchId: 1, host: 1, seq: 1 }),
    // Items with one code. Only those that failed, were skipped or wait for another attempt have one, so no other write pays for it.
    items.createIndex(
      { batchId: 1, code: 1, seq: 1 },
      { partialFilterExpression: { code: { $exists: true } } },
      undefined,
    ),
    // Holds the promise that `_id` makes even if the derivation of ids should change one day.
    media.createIndex({ projectId: 1, systemName: 1, externalId: 1 }, { unique: true }, undefined),
    // Which blobs are referred to.
    media.createIndex({ 'asset.sha256': 1 }),
    deliveries.createIndex({ batchId: 1, createdAt: 1 }),
    // The few messages whose workflow is not known to exist.
    deliveries.createIndex({ unstartedSince: 1 }, { sparse: true }, undefined),
    condemned.createIndex({ at: 1 }),
    // What nobody has used for a day.
    hosts.createIndex({ touchedAt: 1 }),
    workers.createIndex({ renewedAt: 1 }),
    keys.createIndex({ expiresAt: 1 }, { expireAfterSeconds: 0 }, undefined),
  ]);
}
