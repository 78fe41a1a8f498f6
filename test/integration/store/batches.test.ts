import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Batch } from '../../../src/domain/import.js';
import type { BatchStore } from '../../../src/store/store.js';
import { aBatch, aProjectId } from '../../support/builders.js';
import { aTestStore, type TestStore } from '../../support/store.js';

let test: TestStore;
let batches: BatchStore;

beforeAll(async () => {
  test = await aTestStore();
  ({ batches } = test.store);
});
afterAll(() => test.close());

async function stored(changes: Partial<Batch> = {}): Promise<Batch> {
  const batch = aBatch({ touchedAt: test.now(), ...changes });
  await batches.insert(batch);
  return batch;
}

const counts = { success: 2, skipped: 1, failed: 0 };

describe('batches', () => {
  it('gives a project strictly rising numbers under concurrency, from 1 on', async () => {
    const projectId = aProjectId();

    const numbers = await Promise.all(Array.from({ length: 50 }, () => batches.nextImportSeq(projectId)));

    expect(numbers.sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
  });

  it('numbers each project for itself', async () => {
    await batches.nextImportSeq(aProjectId());

    await expect(batches.nextImportSeq(aProjectId())).resolves.toBe(1);
  });

  it('answers a batch as it was inserted, context and all', async () => {
    const context = { 'a.b': 1, nested: { _bsontype: 'ObjectId', list: [null, 1.5, 'ü', 12345678901] }, '': '' };
    const batch = await stored({ context, webhook: 'https://hooks.example.com/x' });

    await expect(batches.find(batch.projectId, batch._id)).resolves.toStrictEqual(batch);
  });

  it('hides a batch from another project', async () => {
    const { _id } = await stored();

    await expect(batches.find(aProjectId(), _id)).resolves.toBeNull();
  });

  it('takes the same insert twice, but no second batch under its id', async () => {
    const batch = await stored();

    await expect(batches.insert(batch)).resolves.toBeUndefined();
    await expect(batches.insert({ ...batch, createdAt: new Date(1) })).rejects.toThrow(
      new Error('The database holds a document with this key already'),
    );
  });

  it('goes from storing over accepted to started, and never back', async () => {
    const { projectId, _id } = await stored();
    const at = new Date('2026-01-02T03:04:05Z');

    await batches.markStarted(_id, at);
    const early = await batches.find(projectId, _id);
    await batches.markAccepted(_id, { itemCount: 7, importSeq: 3 });
    const accepted = await batches.find(projectId, _id);
    await batches.markStarted(_id, at);
    await batches.markAccepted(_id, { itemCount: 9, importSeq: 4 });
    await batches.markStarted(_id, new Date());

    expect(early).toMatchObject({ state: 'storing' });
    expect(accepted).toMatchObject({ state: 'accepted', itemCount: 7, importSeq: 3 });
    await expect(batches.find(projectId, _id)).resolves.toMatchObject({
      state: 'started',
      startedAt: at,
      itemCount: 7,
      importSeq: 3,
    });
  });

  it('ends once: a second end changes nothing and both answer the first', async () => {
    const { projectId, _id } = await stored();
    const at = new Date('2026-01-02T03:04:05Z');

    const first = await batches.finish(projectId, _id, { state: 'success', counts, bytes: 5_000, at });
    const none = { success: 0, skipped: 0, failed: 0 };
    const end = { state: 'failed', failure: 'cancelled', counts: none, bytes: 0, at: new Date() } as const;
    const second = await batches.finish(projectId, _id, end);

    expect(first).toMatchObject({ state: 'success', counts, bytes: 5_000, finishedAt: at });
    expect(second).toStrictEqual(first);
  });

  it('ends once when many ends come at the same moment', async () => {
    const { projectId, _id } = await stored();

    const ends = await Promise.all(
      Array.from({ length: 20 }, (_, bytes) =>
        batches.finish(projectId, _id, { state: 'failed', failure: 'vanished', counts, bytes, at: new Date() }),
      ),
    );

    expect(new Set(ends.map((batch) => batch?.bytes)).size).toBe(1);
  });

  it('answers null when there is no batch to end', async () => {
    const end = { state: 'success', counts, bytes: 0, at: new Date() } as const;

    await expect(batches.finish(aProjectId(), 'none', end)).resolves.toBeNull();
  });

  it('does not start a batch that has ended', async () => {
    const { projectId, _id } = await stored();
    await batches.markAccepted(_id, { itemCount: 1, importSeq: 1 });
    await batches.finish(projectId, _id, { state: 'success', counts, bytes: 0, at: new Date() });

    await batches.markStarted(_id, new Date());

    await expect(batches.find(projectId, _id)).resolves.toMatchObject({ state: 'success' });
  });

  it('does not accept a batch that was given up, nor give up one that was touched', async () => {
    const { projectId, _id } = await stored();
    const seen = await batches.find(projectId, _id);
    if (seen === null) throw new Error('the batch is missing');

    await expect(batches.giveUp({ _id, touchedAt: new Date(1) })).resolves.toBe(false);
    await expect(batches.giveUp(seen)).resolves.toBe(true);
    await batches.touch(_id);

    await expect(batches.markAccepted(_id, { itemCount: 1, importSeq: 1 })).resolves.toBe(false);
    await expect(batches.find(projectId, _id)).resolves.toMatchObject({ state: 'storing', touchedAt: new Date(0) });
  });

  describe('that a gateway ends in place of their workflow', () => {
    const running = async (changes: Partial<Batch> = {}) => stored({ state: 'started', ...changes });
    const find = async ({ projectId, _id }: Batch) => (await batches.find(projectId, _id)) ?? {};
    const end = (at = new Date()) => ({ state: 'failed', failure: 'terminated', counts, bytes: 0, at }) as const;
    const lapse = ({ _id }: Batch) =>
      test.database.db.collection<Batch>('batches').updateOne({ _id }, { $set: { endingAt: new Date(0) } });
    const halfEnded = async () => (await batches.findHalfEnded(100)).map(({ _id }) => _id);

    it('are ended by one of them at a time, until its lease is given back', async () => {
      const batch = await running();

      const begun = await Promise.all(Array.from({ length: 10 }, () => batches.beginEnd(batch, 'run-1')));

      expect(begun.filter(Boolean)).toHaveLength(1);
      expect(await find(batch)).toMatchObject({ state: 'started', endedRunId: 'run-1' });
      await expect(batches.isBeingEnded(batch._id)).resolves.toBe(true);
      await batches.leaveEnding(batch);
      await expect(batches.isBeingEnded(batch._id)).resolves.toBe(false);
      await expect(batches.beginEnd(batch, undefined)).resolves.toBe(true);
      expect(await find(batch)).not.toHaveProperty('endedRunId');
    });

    it('are found and ended by another one when the lease of the first has lapsed', async () => {
      const batch = await running();
      await batches.beginEnd(batch, 'run-1');
      expect(await halfEnded()).not.toContain(batch._id);

      await lapse(batch);

      await expect(batches.isBeingEnded(batch._id)).resolves.toBe(false);
      expect(await halfEnded()).toContain(batch._id);
      await expect(batches.beginEnd(batch, 'run-1')).resolves.toBe(true);
      expect(await halfEnded()).not.toContain(batch._id);
    });

    it('stay under the lease for as long as it is renewed', async () => {
      const batch = await running();
      await batches.beginEnd(batch, 'run-1');
      await lapse(batch);

      await batches.keepEnding(batch);

      await expect(batches.isBeingEnded(batch._id)).resolves.toBe(true);
      await batches.leaveEnding(batch);
      await batches.keepEnding(batch);
      await expect(batches.isBeingEnded(batch._id)).resolves.toBe(false);
    });

    it('keep their lease when they end, and have none when their workflow ends them', async () => {
      const [byGateway, byWorkflow] = [await running(), await running()];
      for (const batch of [byGateway, byWorkflow]) await batches.beginEnd(batch, 'run-1');

      await batches.finish(byGateway.projectId, byGateway._id, end(), byGateway);
      await batches.finish(byWorkflow.projectId, byWorkflow._id, end());

      expect(await find(byGateway)).toMatchObject({ state: 'failed', endingAt: expect.any(Date) });
      expect(await find(byWorkflow)).not.toHaveProperty('endingAt');
    });

    it('are not ended once a reset has opened them again', async () => {
      const batch = await running();
      await batches.beginEnd(batch, 'run-1');
      await batches.reopen(batch._id);

      await expect(batches.finish(batch.projectId, batch._id, end(), batch)).resolves.toMatchObject({
        ...{ state: 'started', reopened: 1 },
      });
      await expect(batches.beginEnd(batch, 'run-1')).resolves.toBe(false);
      await batches.keepEnding(batch);
      expect(await find(batch)).not.toHaveProperty('endingAt');
    });

    it('are not reopened when they are not being ended', async () => {
      const batch = await running();

      await batches.reopen(batch._id);

      expect(await find(batch)).not.toHaveProperty('reopened');
    });
  });

  it('forgets a removed batch', async () => {
    const { projectId, _id } = await stored();

    await batches.remove(_id);

    await expect(batches.find(projectId, _id)).resolves.toBeNull();
  });
});

describe('what the reconciler asks for', () => {
  let own: TestStore;
  beforeAll(async () => {
    own = await aTestStore();
  });
  afterAll(() => own.close());

  it('tells half-stored, unstarted and healthy batches apart, oldest first', async () => {
    const { store } = own;
    const add = async () => {
      const batch = aBatch({ touchedAt: own.now() });
      await store.batches.insert(batch);
      own.advance(1_000);
      return batch._id;
    };
    const [stuck, slow, first, second, started] = [await add(), await add(), await add(), await add(), await add()];
    for (const id of [first, second, started]) {
      await store.batches.markAccepted(id, { itemCount: 1, importSeq: 1 });
      own.advance(1_000);
    }
    await store.batches.markStarted(started, own.now());
    const before = own.now();
    own.advance(60_000);
    await store.batches.touch(slow);

    const ids = (found: Batch[]) => found.map(({ _id }) => _id);
    expect(ids(await store.batches.findHalfStored(before, 10))).toEqual([stuck]);
    expect(ids(await store.batches.findUnstarted(before, 10))).toEqual([first, second]);
    expect(ids(await store.batches.findUnstarted(before, 1))).toEqual([first]);
  });

  it('lists started batches by when they were last looked at, those of an earlier release first', async () => {
    const { batches } = own.store;
    const add = async (changes: Partial<Batch>) => {
      const batch = aBatch({ state: 'started', ...changes });
      await batches.insert(batch);
      return batch._id;
    };
    const [late, never, early, checked] = [
      await add({ checkedAt: new Date(2_000) }),
      await add({}),
      await add({ checkedAt: new Date(1_000) }),
      await add({ checkedAt: new Date(1_500) }),
    ];
    await add({ checkedAt: new Date(500), state: 'failed' });
    await batches.markChecked([checked], new Date(9_000));

    const mine = new Set([late, never, early, checked]);
    const found = async (before: number, limit = 100) => {
      const unchecked = await batches.findUnchecked(new Date(before), limit);
      return unchecked.map(({ _id }) => _id).filter((id) => mine.has(id));
    };
    expect(await found(5_000)).toEqual([never, early, late]);
    expect(await found(2_000)).toEqual([never, early]);
    expect(await found(5_000, 2)).toEqual([never, early]);
  });

  it('looks at a batch that was just started as late as at one that was just seen running', async () => {
    const batch = aBatch();
    await own.store.batches.insert(batch);
    await own.store.batches.markAccepted(batch._id, { itemCount: 1, importSeq: 1 });

    await own.store.batches.markStarted(batch._id, new Date(7_000));

    await expect(own.store.batches.find(batch.projectId, batch._id)).resolves.toMatchObject({
      ...{ startedAt: new Date(7_000), checkedAt: new Date(7_000) },
    });
  });
});
