import { createHash } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import type { BlobStore } from '../../src/blobs/blob-store.js';
import type { Collections } from '../../src/store/collections.js';

interface Kept {
  readonly collections: Collections;
  readonly blobs: BlobStore;
}

/**
 * What is wrong in a database and its blob store once every import has finished, a sentence each; none when all of it holds
 * together: finished imports with settled items, one media a pair, every media and item with its blob, blobs that hash to their
 * names, and nothing left of bodies that were arriving.
 */
export async function unsound({ collections, blobs }: Kept): Promise<readonly string[]> {
  const { batches, items, media, deliveries } = collections;
  const wrong: string[] = [];
  const stored = new Set<string>();
  for await (const { sha256 } of blobs.listBlobs()) {
    stored.add(sha256);
    if ((await hashOf(blobs, sha256)) !== sha256) wrong.push(`blob ${sha256} does not hash to its name`);
  }
  for await (const { name } of blobs.listParts()) wrong.push(`part ${name} was left behind`);

  const pairs = new Set<string>();
  for (const { _id, systemName, externalId, asset } of await media.find().toArray()) {
    if (pairs.has(`${systemName}/${externalId}`)) wrong.push(`two media of ${systemName}/${externalId}`);
    pairs.add(`${systemName}/${externalId}`);
    if (!stored.has(asset.sha256)) wrong.push(`media ${_id} has no blob`);
  }
  for (const { _id, batchId, externalId, state, sha256 = '' } of await items.find().toArray()) {
    if (state === 'open') wrong.push(`item ${_id} is open`);
    if ((await batches.findOne({ _id: batchId })) === null) wrong.push(`item ${_id} has no import`);
    if (state !== 'success' && state !== 'skipped') continue;
    if (!stored.has(sha256)) wrong.push(`item ${_id} has no blob`);
    if (![...pairs].some((pair) => pair.endsWith(`/${externalId}`))) wrong.push(`item ${_id} has no media`);
  }
  for (const { _id, state, finishedAt, counts, itemCount } of await batches.find().toArray()) {
    if (state !== 'success' || finishedAt === undefined) wrong.push(`import ${_id} is ${state}`);
    const total = (counts?.success ?? 0) + (counts?.skipped ?? 0) + (counts?.failed ?? 0);
    if (total !== itemCount) wrong.push(`import ${_id} counts ${total} of ${itemCount} items`);
    if ((await items.countDocuments({ batchId: _id })) !== itemCount) wrong.push(`import ${_id} lacks items`);
    if ((await deliveries.countDocuments({ batchId: _id })) > 1) wrong.push(`import ${_id} has several messages`);
  }
  return wrong;
}

async function hashOf(blobs: BlobStore, sha256: string): Promise<string> {
  const hash = createHash('sha256');
  const stream = await blobs.read(sha256);
  if (stream !== null) await pipeline(stream, hash);
  return hash.digest('hex');
}
