import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Document } from 'mongodb';
import type { Batch } from '../../../src/domain/import.js';
import { webhookIdOf } from '../../../src/domain/ids.js';
import { aBatch, aProjectId } from '../../support/builders.js';
import { aTestStore, type TestStore } from '../../support/store.js';

const DAY_MS = 24 * 60 * 60 * 1_000;
const counts = { success: 1, skipped: 0, failed: 0 };

let test: TestStore;

beforeAll(async () => {
  test = await aTestStore();
});
afterAll(() => test.close());

describe('finished batches', () => {
  async function finished(at: Date, changes: Partial<Batch> = {}): Promise<Batch> {
    const { batches } = test.store;
    const batch = aBatch(changes);
    await batches.insert(batch);
    await batches.markAccepted(batch._id, { itemCount: 1, importSeq: 1 });
    const end = { state: 'success' as const, counts, bytes: 1, at };
    const stored = await batches.finish(batch.projectId, batch._id, end);
    if (stored === null) throw new Error('The batch is not there');
    return stored;
  }

  const ids = (found: readonly Batch[]) => found.map(({ _id }) => _id);

  it('are found oldest first, those before a time, and no open ones', async () => {
    const { batches } = test.store;
    await batches.insert(aBatch());
    const context = { _bsontype: 'x', 'a.b': 1 };
    const [second, first, late] = [
      await finished(new Date(2_000)),
      await finished(new Date(1_000), { context }),
      await finished(new Date(3_000)),
    ];

    await expect(batches.findFinished(new Date(3_000), 10)).resolves.toStrictEqual([first, second]);
    expect(ids(await batches.findFinished(new Date(3_001), 10))).toEqual(ids([first, second, late]));
    expect(ids(await batches.findFinished(new Date(3_001), 2))).toEqual(ids([first, second]));
  });

  it('are not found once they were opened again', async () => {
    const { batches } = test.store;
    const { _id } = await finished(new Date(100));
    await test.database.db.collection<Batch>('batches').updateOne({ _id }, { $set: { state: 'failed' } });

    await batches.reopen(_id);

    expect(ids(await batches.findFinished(new Date(101), 10))).toEqual([]);
  });

  it('are found page by page, also when many ended in the same moment and none is removed', async () => {
    const at = new Date(50);
    const all = await Promise.all([
      finished(new Date(49)),
      ...Array.from({ length: 5 }, () => finished(at)),
      finished(new Date(51)),
    ]);

    const pages: string[][] = [];
    let after: Batch | undefined;
    do {
      const page = await test.store.batches.findFinished(new Date(60), 2, after);
      pages.push(ids(page));
      after = page.at(-1);
    } while (after !== undefined);

    const [oldest, ...rest] = ids(all);
    expect(pages.flat()).toEqual([oldest, ...rest.slice(0, 5).sort(), rest[5]]);
    expect(pages.map(({ length }) => length)).toEqual([2, 2, 2, 1, 0]);
  });
});

describe('deliveries of a batch', () => {
  it('are removed all at once, and no other', async () => {
    const { deliveries } = test.store;
    const projectId = aProjectId();
    const open = (batchId: string, generation: number) =>
      deliveries.open({ _id: webhookIdOf(batchId, generation), projectId, batchId });
    await Promise.all([open('gone', 1), open('gone', 2), open('kept', 1)]);

    await deliveries.removeAll('gone');

    await expect(deliveries.listByBatch(projectId, 'gone')).resolves.toEqual([]);
    await expect(deliveries.listByBatch(projectId, 'kept')).resolves.toHaveLength(1);
  });
});

describe('expired idempotency keys', () => {
  it('are counted and removed, and can be claimed anew', async () => {
    const { idempotencyKeys } = test.store;
    const projectId = aProjectId();
    await idempotencyKeys.claim(projectId, 'old', 'hash', 'one');
    await idempotencyKeys.claim(projectId, 'taken anew', 'hash', 'one');
    test.advance(DAY_MS - 1);
    const early = await idempotencyKeys.countExpired();
    test.advance(1);
    await idempotencyKeys.claim(projectId, 'taken anew', 'other', 'two');
    await idempotencyKeys.claim(projectId, 'young', 'hash', 'three');

    const counted = await idempotencyKeys.countExpired();
    const removed = await idempotencyKeys.removeExpired();

    expect([early, counted, removed]).toEqual([0, 1, 1]);
    await expect(idempotencyKeys.countExpired()).resolves.toBe(0);
    const claims = await Promise.all(
      ['old', 'taken anew', 'young'].map((key) => idempotencyKeys.claim(projectId, key, 'x', 'four')),
    );
    expect(claims.map(({ outcome }) => outcome)).toEqual(['new', 'busy', 'busy']);
  });
});

describe('indexes', () => {
  it.each<[string, Document]>([
    ['media', { 'asset.sha256': 1, projectId: 1, createdAt: -1, _id: -1 }],
    ['batches', { finishedAt: 1, _id: 1 }],
    ['condemned', { at: 1 }],
    ['idempotencyKeys', { expiresAt: 1 }],
    ['deliveries', { batchId: 1, createdAt: 1 }],
  ])('of %s serve what collection of garbage asks for: %j', async (collection, key) => {
    const indexes = await test.database.db.collection(collection).indexes();

    expect(indexes.map((index) => index.key)).toContainEqual(key);
  });
});
