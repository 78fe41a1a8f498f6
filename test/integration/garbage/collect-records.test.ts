import { randomUUID } from 'node:crypto';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Batch } from '../../../src/domain/import.js';
import { collectParts, collectRecords } from '../../../src/garbage/collect.js';
import { garbageLimits, listGarbage } from '../../../src/garbage/find.js';
import { aBatch, itemSpecs } from '../../support/builders.js';
import { aGarbageRig, DAY_MS, HOUR_MS, NEVER, setAge, type GarbageRig } from './garbage-rig.js';

const LIMITS = garbageLimits(30);

let rig: GarbageRig;
beforeEach(async () => {
  rig = await aGarbageRig();
});
afterEach(() => rig.close());

/** A batch of two items with a delivery, that ended so long ago. */
async function aFinishedBatch(ageMs: number): Promise<Batch> {
  const { batches, items, deliveries } = rig.store;
  const batch = aBatch({ itemCount: 2 });
  const { _id, projectId } = batch;
  await batches.insert(batch);
  await items.insertMany(batch, itemSpecs(2));
  await batches.markAccepted(_id, { itemCount: 2, importSeq: 1 });
  await deliveries.open({ _id: `msg_${_id}_1`, projectId, batchId: _id });
  const counts = { success: 2, skipped: 0, failed: 0 };
  const at = new Date(rig.now().getTime() - ageMs);
  await batches.finish(projectId, _id, { state: 'success', counts, bytes: 10, at });
  return batch;
}

async function left({ _id, projectId }: Batch) {
  const { batches, items, deliveries } = rig.store;
  return {
    batch: (await batches.find(projectId, _id)) !== null,
    items: (await items.list(_id, { afterSeq: -1, limit: 10 })).length,
    deliveries: (await deliveries.listByBatch(projectId, _id)).length,
  };
}

const recordDeps = () => ({ store: rig.store, now: rig.now });

describe('collectRecords', () => {
  it('removes an import with its items and deliveries when it ended longer ago than the retention, and not before', async () => {
    const old = await aFinishedBatch(30 * DAY_MS + HOUR_MS);
    const young = await aFinishedBatch(30 * DAY_MS - HOUR_MS);

    const removed = await collectRecords(recordDeps(), LIMITS, NEVER);

    expect(removed).toEqual({ batches: 1, items: 2, idempotencyKeys: 0, more: false });
    expect(await left(old)).toEqual({ batch: false, items: 0, deliveries: 0 });
    expect(await left(young)).toEqual({ batch: true, items: 2, deliveries: 1 });
  });

  it('leaves an import alone that never ended, however old it is', async () => {
    const batch = aBatch({ createdAt: new Date(0), touchedAt: new Date(0), state: 'started' });
    await rig.store.batches.insert(batch);

    await collectRecords(recordDeps(), LIMITS, NEVER);

    expect((await left(batch)).batch).toBe(true);
  });

  it('keeps the media of an import that it removes', async () => {
    const { mediaId } = await rig.media(await rig.blob('kept', 0), { projectId: 'p1' });
    await aFinishedBatch(31 * DAY_MS);

    await collectRecords(recordDeps(), LIMITS, NEVER);

    expect(await rig.store.media.find('p1', mediaId)).not.toBeNull();
  });

  it.each(['deliveries', 'items'] as const)('finishes what a run that died after the %s has left', async (step) => {
    const batch = await aFinishedBatch(31 * DAY_MS);
    const next = step === 'deliveries' ? 'items' : 'batches';
    const dead = () => Promise.reject(new Error('The process is dead'));
    const dying = { ...rig.store, [next]: { ...rig.store[next], removeAll: dead, remove: dead } };
    await expect(collectRecords({ ...recordDeps(), store: dying }, LIMITS, NEVER)).rejects.toThrow('dead');
    expect((await left(batch)).batch).toBe(true);

    expect(await collectRecords(recordDeps(), LIMITS, NEVER)).toMatchObject({ batches: 1 });

    expect(await left(batch)).toEqual({ batch: false, items: 0, deliveries: 0 });
  });

  it('removes a hundred imports at a time, the oldest first, and says that there may be more', async () => {
    const newest = await aFinishedBatch(31 * DAY_MS);
    for (let count = 0; count < 100; count += 1) await aFinishedBatch(32 * DAY_MS);

    expect(await collectRecords(recordDeps(), LIMITS, NEVER)).toMatchObject({ batches: 100, more: true });
    expect((await left(newest)).batch).toBe(true);
    expect(await collectRecords(recordDeps(), LIMITS, NEVER)).toMatchObject({ batches: 1, more: false });
  });

  it('removes idempotency keys after 24 hours, and not before', async () => {
    const { idempotencyKeys } = rig.store;
    // By the clock of the test alone: the server's own expiry, where it has one, sees keys of tomorrow.
    await idempotencyKeys.claim('p1', 'key', 'hash', 'batch');

    expect(await collectRecords(recordDeps(), LIMITS, NEVER)).toMatchObject({ idempotencyKeys: 0 });
    rig.testStore.advance(24 * HOUR_MS + 1);
    expect(await collectRecords(recordDeps(), LIMITS, NEVER)).toMatchObject({ idempotencyKeys: 1 });
    expect(await idempotencyKeys.countExpired()).toBe(0);
  });

  it('stops at a cancellation', async () => {
    await aFinishedBatch(31 * DAY_MS);

    await expect(collectRecords(recordDeps(), LIMITS, AbortSignal.abort(new Error('Cancelled')))).rejects.toThrow(
      'Cancelled',
    );
  });
});

/** A part as a worker that died leaves it, whose body grew last so long ago. */
async function aPart(key: string, ageMs: number): Promise<void> {
  const before = new Set(await partFiles());
  const writer = await rig.blobs.createWriter(null, { key, etag: '"1"', total: 1_000, restarts: 0 });
  await writer.write(Buffer.alloc(600));
  await writer.suspend();
  const at = new Date(rig.now().getTime() - ageMs);
  for (const file of await partFiles()) if (!before.has(file)) await setAge(file, at);
}

async function partFiles(): Promise<string[]> {
  const entries = await readdir(join(rig.root, 'parts'), { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

describe('collectParts', () => {
  it('removes what belongs to a body that has not grown for 24 hours, and not before', async () => {
    await aPart('old', 24 * HOUR_MS + 60_000);
    await aPart('young', 24 * HOUR_MS - 60_000);
    // What a crash leaves of a body that was not to be continued.
    const stray = join(rig.root, 'parts', randomUUID());
    await writeFile(stray, 'abc');
    await setAge(stray, new Date(0));

    const removed = await collectParts({ blobs: rig.blobs, now: rig.now }, LIMITS, NEVER);

    expect(removed.bytes).toBeGreaterThanOrEqual(603);
    expect(await rig.blobs.findPart('old')).toBeNull();
    expect(await rig.blobs.findPart('young')).toMatchObject({ kept: 600 });
    expect(await partFiles()).not.toContain(stray);
  });
});

describe('listGarbage', () => {
  it('names what a run would remove, with its age, and removes nothing', async () => {
    const orphan = await rig.blob('orphan', 72 * HOUR_MS);
    await rig.media(await rig.blob('kept', 72 * HOUR_MS));
    await rig.blob('young', HOUR_MS);
    await aPart('old', 30 * HOUR_MS);
    await aPart('new', HOUR_MS);
    const ended = await aFinishedBatch(31 * DAY_MS);
    await aFinishedBatch(29 * DAY_MS);
    const list = async () => {
      const entries = [];
      const deps = { blobs: rig.blobs, store: rig.store, now: rig.now };
      for await (const entry of listGarbage(deps, LIMITS, NEVER)) entries.push(entry);
      return entries;
    };

    const entries = await list();

    expect(entries.filter(({ kind }) => kind === 'blob')).toEqual([
      { kind: 'blob', name: orphan, bytes: 6, ageMs: 72 * HOUR_MS },
    ]);
    const parts = entries.filter(({ kind }) => kind === 'part');
    expect(parts.length).toBeGreaterThan(0);
    for (const { ageMs } of parts) expect(ageMs).toBeGreaterThanOrEqual(30 * HOUR_MS - 1);
    expect(entries.filter(({ kind }) => kind === 'import')).toEqual([
      { kind: 'import', name: ended._id, bytes: 0, ageMs: 31 * DAY_MS },
    ]);
    expect(await list()).toEqual(entries);
    expect(await rig.store.removalNotices.find(orphan)).toBeNull();
  });

  it('goes on behind its first page of imports', async () => {
    const at = new Date(0);
    const many = Array.from({ length: 1_234 }, (_, n) => ({
      ...aBatch(),
      _id: String(n).padStart(5, '0'),
      finishedAt: at,
    }));
    const findFinished = (_before: Date, limit: number, after?: { _id: string }) =>
      Promise.resolve(many.filter(({ _id }) => _id > (after?._id ?? '')).slice(0, limit));
    const store = { media: rig.store.media, batches: { findFinished } };
    const names = new Set<string>();

    for await (const { name } of listGarbage({ blobs: rig.blobs, store, now: rig.now }, LIMITS, NEVER)) names.add(name);

    expect(names.size).toBe(1_234);
  });
});
