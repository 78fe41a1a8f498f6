import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newBatchId } from '../../../src/domain/ids.js';
import type { Item, ItemSpec } from '../../../src/domain/item.js';
import type { ItemStore } from '../../../src/store/store.js';
import { anAsset, anAttempt, anItemSpec, aSettlement, itemSpecs } from '../../support/builders.js';
import { aTestStore, type TestStore } from '../../support/store.js';

let test: TestStore;
let items: ItemStore;

beforeAll(async () => {
  test = await aTestStore();
  ({ items } = test.store);
});
afterAll(() => test.close());

async function storedBatch(specs: ItemSpec[]): Promise<string> {
  const batchId = newBatchId();
  await items.insertMany({ _id: batchId, projectId: 'project' }, specs);
  return batchId;
}

const seqs = (found: readonly { seq: number }[]) => found.map(({ seq }) => seq);

async function all(batchId: string): Promise<Item[]> {
  const found: Item[] = [];
  for await (const { seq } of items.stream(batchId)) found.push((await items.find(batchId, seq)) as Item);
  return found;
}

describe('storing items', () => {
  it('answers an item as it was asked for, open and untried', async () => {
    const metadata = { 'dotted.key': { 'x.y': 1 }, _bsontype: 'Long', list: [{ a: null }, 1.5, -0, 2 ** 40], '': true };
    const spec = anItemSpec(3, { metadata });
    const batchId = await storedBatch([spec]);

    await expect(items.find(batchId, 3)).resolves.toStrictEqual({
      ...spec,
      _id: `${batchId}:00000003`,
      batchId,
      projectId: 'project',
      state: 'open',
      attempts: 0,
      updatedAt: test.now(),
    });
  });

  it('answers null for an item that does not exist', async () => {
    await expect(items.find('none', 0)).resolves.toBeNull();
  });

  it('takes the same items twice, also when some have ended meanwhile', async () => {
    const batchId = await storedBatch(itemSpecs(20));
    await items.settle(aSettlement(batchId, 4));

    await items.insertMany({ _id: batchId, projectId: 'project' }, itemSpecs(30));

    await expect(items.totals(batchId)).resolves.toMatchObject({ open: 29, success: 1 });
  });

  it('removes the items of one batch only', async () => {
    const [gone, kept] = [await storedBatch(itemSpecs(5)), await storedBatch(itemSpecs(5))];

    await items.removeAll(gone);

    await expect(all(gone)).resolves.toEqual([]);
    await expect(all(kept)).resolves.toHaveLength(5);
  });
});

describe('reading items', () => {
  it('lists pages in request order', async () => {
    const batchId = await storedBatch(itemSpecs(25).reverse());
    await storedBatch(itemSpecs(3));

    expect(seqs(await items.list(batchId, { afterSeq: -1, limit: 10 }))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(seqs(await items.list(batchId, { afterSeq: 21, limit: 10 }))).toEqual([22, 23, 24]);
  });

  it('streams all items in request order', async () => {
    const batchId = await storedBatch(itemSpecs(1_234).reverse());

    expect(seqs(await all(batchId))).toEqual(Array.from({ length: 1_234 }, (_, seq) => seq));
  });

  it('offers a sweep the open items of its page that are due and not solo', async () => {
    const batchId = await storedBatch(itemSpecs(10));
    const [now, later] = [test.now(), new Date(test.now().getTime() + 1)];
    await items.settle(aSettlement(batchId, 2));
    await items.markSolo(batchId, 3);
    await items.recordAttempt(batchId, 4, anAttempt({ code: 'timeout' }), 'Too late', later);
    await items.recordAttempt(batchId, 5, anAttempt({ code: 'timeout' }), 'Too late', now);

    expect(seqs(await items.openInRange(batchId, 1, 6, now))).toEqual([1, 5, 6]);
    expect(seqs(await items.openInRange(batchId, 1, 6, later))).toEqual([1, 4, 5, 6]);
  });

  it('offers planning all open items up to the one it names, with what it needs and no more', async () => {
    const batchId = await storedBatch(itemSpecs(6));
    const at = new Date();
    await items.settle(aSettlement(batchId, 2));
    await items.markSolo(batchId, 3);
    await items.recordAttempt(batchId, 4, anAttempt({ code: 'timeout' }), 'Too late', at);
    const host = 'cdn.example.com';

    await expect(items.openFrom(batchId, 1, 3)).resolves.toStrictEqual([
      { seq: 1, host },
      { seq: 3, host, solo: true },
      { seq: 4, host, nextAttemptAt: at },
    ]);
    await expect(items.openFrom(batchId, 1, 3, 4)).resolves.toStrictEqual([
      { seq: 1, host },
      { seq: 3, host, solo: true },
    ]);
  });
});

describe('settling items', () => {
  it('records how the item ended and drops what failed attempts left behind', async () => {
    const batchId = await storedBatch(itemSpecs(1));
    const failed = anAttempt({ at: new Date(1_000), code: 'http_5xx', httpStatus: 503 });
    await items.recordAttempt(batchId, 0, failed, 'The source answered 503', new Date());
    const attempt = anAttempt({ at: new Date(2_000) });
    const asset = anAsset('x', { width: 640, height: 480 });

    const settled = await items.settle(aSettlement(batchId, 0, { asset, attempt }));

    expect(settled).toBe(true);
    await expect(items.find(batchId, 0)).resolves.toStrictEqual({
      ...anItemSpec(0),
      sha256: asset.sha256,
      bytes: asset.bytes,
      mimeType: 'video/mp4',
      width: 640,
      height: 480,
      _id: `${batchId}:00000000`,
      batchId,
      projectId: 'project',
      state: 'success',
      attempts: 2,
      mediaId: 'media0',
      action: 'created',
      lastAttempt: attempt,
      updatedAt: test.now(),
    });
  });

  it('keeps no more of a reason than is shown, without cutting a character in two', async () => {
    const batchId = await storedBatch(itemSpecs(2));
    const reason = `a${'\u{1F3AC}'.repeat(3_000_000)}`;

    await items.settle({ batchId, seq: 0, state: 'failed', code: 'metadata_invalid', reason });
    await items.recordAttempt(batchId, 1, anAttempt({ code: 'timeout' }), reason, new Date());

    for (const seq of [0, 1]) {
      const kept = (await items.find(batchId, seq))?.reason ?? '';
      expect(kept).toBe(`a${'\u{1F3AC}'.repeat(999)}…`);
    }
  });

  it('answers false for a second settlement, which changes nothing', async () => {
    const batchId = await storedBatch(itemSpecs(1));
    await items.settle(aSettlement(batchId, 0));
    const before = await items.find(batchId, 0);

    const again = await items.settle(aSettlement(batchId, 0, { state: 'failed', code: 'timeout', reason: 'Too late' }));

    expect(again).toBe(false);
    await expect(items.find(batchId, 0)).resolves.toStrictEqual(before);
  });

  it('answers false for an item that does not exist', async () => {
    await expect(items.settle(aSettlement('none', 0))).resolves.toBe(false);
  });

  it('lets exactly one of many concurrent settlements of each item win', async () => {
    const batchId = await storedBatch(itemSpecs(20));

    const answers = await Promise.all(
      Array.from({ length: 200 }, async (_, n) => {
        const won = await items.settle(aSettlement(batchId, n % 20, { mediaId: `by${n}` }));
        return won ? [{ seq: n % 20, mediaId: `by${n}` }] : [];
      }),
    );

    const winners = answers.flat().sort((a, b) => a.seq - b.seq);
    const stored = await all(batchId);
    expect(winners).toEqual(stored.map(({ seq, mediaId }) => ({ seq, mediaId })));
    expect(stored.every(({ attempts }) => attempts === 1)).toBe(true);
  });

  it('counts no attempt when none is given', async () => {
    const batchId = await storedBatch(itemSpecs(1));

    await items.settle({ batchId, seq: 0, state: 'failed', code: 'cancelled', reason: 'The import was cancelled' });

    await expect(items.find(batchId, 0)).resolves.toMatchObject({ state: 'failed', attempts: 0 });
  });

  it('counts the same attempt once, however often it is recorded', async () => {
    const batchId = await storedBatch(itemSpecs(1));
    const attempt = anAttempt({ code: 'timeout' });
    const at = new Date();

    await items.recordAttempt(batchId, 0, attempt, 'Too late', at);
    await items.recordAttempt(batchId, 0, attempt, 'Too late', at);

    const expected = { attempts: 1, state: 'open', code: 'timeout', reason: 'Too late', lastAttempt: attempt };
    await expect(items.find(batchId, 0)).resolves.toMatchObject({ ...expected, nextAttemptAt: at });
  });

  it('records no attempt of an item that has ended', async () => {
    const batchId = await storedBatch(itemSpecs(1));
    await items.settle(aSettlement(batchId, 0));

    await items.recordAttempt(batchId, 0, anAttempt({ code: 'timeout' }), 'Too late', new Date());
    await items.markSolo(batchId, 0);

    const item = await items.find(batchId, 0);
    expect(item).toMatchObject({ state: 'success', attempts: 1 });
    expect(item?.solo).toBeUndefined();
  });

  it('settles all that is open at once and leaves the rest', async () => {
    const batchId = await storedBatch(itemSpecs(10));
    await items.settle(aSettlement(batchId, 1));

    await items.settleOpen(batchId, 'cancelled', 'The import was cancelled');

    await expect(items.totals(batchId)).resolves.toEqual({ open: 0, success: 1, skipped: 0, failed: 9, bytes: 1_000 });
    await expect(items.find(batchId, 9)).resolves.toMatchObject({
      code: 'cancelled',
      reason: 'The import was cancelled',
    });
    await expect(items.settle(aSettlement(batchId, 9))).resolves.toBe(false);
  });
});

describe('counting items', () => {
  it('answers zeros for a batch without items', async () => {
    await expect(items.totals('none')).resolves.toEqual({ open: 0, success: 0, skipped: 0, failed: 0, bytes: 0 });
  });

  it('groups failures by code and host, largest first, with three samples in request order', async () => {
    const hosts = ['a.example', 'b.example'];
    const batchId = await storedBatch(
      Array.from({ length: 12 }, (_, seq) => anItemSpec(seq, { host: hosts[seq % 2] ?? '' })),
    );
    for (const seq of [1, 3, 5, 7, 9]) {
      await items.settle(aSettlement(batchId, seq, { state: 'failed', code: 'http_404', reason: `Gone ${seq}` }));
    }
    await items.settle(aSettlement(batchId, 0, { state: 'failed', code: 'http_404', reason: 'Gone' }));
    await items.settle(aSettlement(batchId, 2, { state: 'failed', code: 'timeout', reason: 'Too late' }));
    await items.settle(aSettlement(batchId, 4, { state: 'failed', code: 'timeout', reason: 'Too late' }));

    const sample = (seq: number, reason: string) => ({ seq, externalId: `ext-${seq}`, reason });
    await expect(items.failureGroups(batchId)).resolves.toEqual([
      {
        code: 'http_404',
        host: 'b.example',
        ...{ count: 5, isAtLeast: false, open: 0 },
        samples: [sample(1, 'Gone 1'), sample(3, 'Gone 3'), sample(5, 'Gone 5')],
      },
      {
        code: 'timeout',
        host: 'a.example',
        ...{ count: 2, isAtLeast: false, open: 0 },
        samples: [sample(2, 'Too late'), sample(4, 'Too late')],
      },
      { code: 'http_404', host: 'a.example', count: 1, isAtLeast: false, open: 0, samples: [sample(0, 'Gone')] },
    ]);
  });

  it('groups open items that failed an attempt with the failed ones, and samples the failed ones first', async () => {
    const host = 'a.example';
    const batchId = await storedBatch(Array.from({ length: 6 }, (_, seq) => anItemSpec(seq, { host })));
    const later = new Date(Date.now() + 60_000);
    for (const seq of [0, 1, 2])
      await items.recordAttempt(batchId, seq, anAttempt({ code: 'http_5xx' }), `Answered 500 ${seq}`, later);
    await items.settle(aSettlement(batchId, 4, { state: 'failed', code: 'http_5xx', reason: 'Answered 500 again' }));
    await items.recordAttempt(batchId, 5, anAttempt({ code: 'timeout' }), 'Too late', later);

    const sample = (seq: number, reason: string) => ({ seq, externalId: `ext-${seq}`, reason });
    await expect(items.failureGroups(batchId)).resolves.toEqual([
      {
        ...{ code: 'http_5xx', host, count: 4, isAtLeast: false, open: 3 },
        samples: [sample(4, 'Answered 500 again'), sample(0, 'Answered 500 0'), sample(1, 'Answered 500 1')],
      },
      { code: 'timeout', host, count: 1, isAtLeast: false, open: 1, samples: [sample(5, 'Too late')] },
    ]);
  });

  it('groups the open items of some batches by host and by the code of their latest attempt', async () => {
    const specs = ['a', 'a', 'a', 'b', 'b'].map((host, seq) => anItemSpec(seq, { host }));
    const [one, two, other] = [await storedBatch(specs), await storedBatch(specs), await storedBatch(specs)];
    const later = new Date(Date.now() + 60_000);
    for (const batchId of [one, two]) {
      await items.recordAttempt(batchId, 0, anAttempt({ at: new Date(1), code: 'timeout' }), 'Too late', later);
      await items.recordAttempt(batchId, 0, anAttempt({ at: new Date(2), code: 'http_5xx' }), 'Broken', later);
    }
    await items.recordAttempt(other, 4, anAttempt({ code: 'timeout' }), 'Too late', later);
    await items.settle(aSettlement(one, 3));

    const { groups, isPartial } = await items.openGroups([one, two]);

    expect(isPartial).toBe(false);
    expect(groups).toHaveLength(3);
    expect(groups).toEqual(
      expect.arrayContaining([
        { host: 'a', count: 4, attempts: 0 },
        { host: 'b', count: 3, attempts: 0 },
        { host: 'a', code: 'http_5xx', count: 2, attempts: 4 },
      ]),
    );
    await expect(items.openGroups([])).resolves.toEqual({ groups: [], isPartial: false });
  });
});
