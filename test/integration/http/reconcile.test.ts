import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { newBatchId } from '../../../src/contract/ids.js';
import type { Batch, BatchState } from '../../../src/contract/batch.js';
import type { Store } from '../../../src/contract/store.js';
import { Outage } from '../../../src/intake/outage.js';
import { createReconciler } from '../../../src/intake/reconcile.js';
import { createStore } from '../../../src/store/connect.js';
import { createFakeWorkflows } from '../../support/fake-workflows.js';
import { aTestDatabase, type TestDatabase } from '../../support/mongo.js';

const logger = pino({ level: 'silent' });
const SECOND = 1_000;

describe('createReconciler', () => {
  let database: TestDatabase;
  let store: Store;
  beforeAll(async () => {
    database = await aTestDatabase();
    store = await createStore({ url: database.url, database: database.database });
  });
  afterAll(async () => {
    await store.close();
    await database.close();
  });

  /** Stored now; the reconciler's clock runs ahead by the age. */
  const aBatch = async (state: BatchState, changes: Partial<Batch> = {}): Promise<string> => {
    const at = new Date();
    const batch: Batch = {
      ...{ _id: newBatchId(), projectId: 'p1', kind: 'video', systemName: 's', itemCount: 1, importSeq: 1 },
      ...{ state, createdAt: at, touchedAt: at, ...changes },
    };
    await store.batches.insert(batch);
    await store.items.insertMany(batch, [
      {
        seq: 0,
        url: 'https://a.example/',
        externalId: 'a',
        fileName: 'a',
        metadata: {},
        mediaType: 'video',
        host: 'a.example',
      },
    ]);
    return batch._id;
  };
  const aReconciler = (workflows: ReturnType<typeof createFakeWorkflows>, ageMs: number) =>
    createReconciler({ store, workflows, logger, intervalMs: 10, now: () => new Date(Date.now() + ageMs) });

  it('starts an accepted batch that nobody started, not one that is just being started', async () => {
    const batchId = await aBatch('accepted');
    const workflows = createFakeWorkflows();

    await aReconciler(workflows, 5 * SECOND).runOnce();
    expect(workflows.started).toEqual([]);

    await aReconciler(workflows, 11 * SECOND).runOnce();
    expect(workflows.started).toEqual([{ projectId: 'p1', batchId, kind: 'video', itemCount: 1, priority: 3 }]);
    expect((await store.batches.find('p1', batchId))?.state).toBe('started');
  });

  it('starts a batch with the priority that it was posted with', async () => {
    await aBatch('accepted', { priority: 1 });
    const workflows = createFakeWorkflows();

    await aReconciler(workflows, 11 * SECOND).runOnce();

    expect(workflows.started.map(({ priority }) => priority)).toEqual([1]);
  });

  it('removes a batch whose storing stopped, not one that is still being stored', async () => {
    const batchId = await aBatch('storing');
    const workflows = createFakeWorkflows();

    await aReconciler(workflows, 290 * SECOND).runOnce();
    expect(await store.batches.find('p1', batchId)).not.toBeNull();

    await aReconciler(workflows, 301 * SECOND).runOnce();
    expect(await store.batches.find('p1', batchId)).toBeNull();
    expect(await store.items.find(batchId, 0)).toBeNull();
  });

  it('starts the other batches when one cannot be started', async () => {
    const [bad, good] = [await aBatch('accepted'), await aBatch('accepted')];
    const workflows = createFakeWorkflows();
    const start: typeof workflows.start = async (input, priority) => {
      if (input.batchId === bad) throw new Outage('temporal');
      await workflows.start(input, priority);
    };

    await expect(aReconciler({ ...workflows, start }, 11 * SECOND).runOnce()).rejects.toThrow(Outage);

    expect((await store.batches.find('p1', bad))?.state).toBe('accepted');
    expect((await store.batches.find('p1', good))?.state).toBe('started');
    await store.batches.markStarted(bad, new Date());
  });

  it('counts a batch as started whose workflow has ended without a word', async () => {
    const batchId = await aBatch('accepted');
    const workflows = createFakeWorkflows();
    workflows.stateOf.set(batchId, { state: 'ended', runId: 'r', failure: 'terminated' });
    const start = () => Promise.reject(new Outage('temporal'));

    await aReconciler({ ...workflows, start }, 11 * SECOND).runOnce();

    expect((await store.batches.find('p1', batchId))?.state).toBe('started');
  });

  it('leaves a half-stored batch alone that is touched while it looks', async () => {
    const batchId = await aBatch('storing');
    const findHalfStored: Store['batches']['findHalfStored'] = async (before, limit) => {
      const found = await store.batches.findHalfStored(before, limit);
      await new Promise((resolve) => setTimeout(resolve, 2));
      await store.batches.touch(batchId);
      return found;
    };
    const racing = { ...store, batches: { ...store.batches, findHalfStored } };
    const now = () => new Date(Date.now() + 301 * SECOND);

    await createReconciler({ store: racing, workflows: createFakeWorkflows(), logger, now }).runOnce();

    expect(await store.items.find(batchId, 0)).not.toBeNull();
    expect(await store.batches.markAccepted(batchId, { itemCount: 1, importSeq: 1 })).toBe(true);
    await store.batches.markStarted(batchId, new Date());
  });

  it('lets several gateways work at once', async () => {
    const batchId = await aBatch('accepted');
    const reconcilers = [1, 2, 3].map(() => aReconciler(createFakeWorkflows(), 11 * SECOND));

    await Promise.all(reconcilers.map((each) => each.runOnce()));

    expect((await store.batches.find('p1', batchId))?.state).toBe('started');
  });

  it('goes on after an outage and stops when told', async () => {
    const batchId = await aBatch('accepted');
    const workflows = createFakeWorkflows();
    workflows.isAway = true;
    const reconciler = aReconciler(workflows, 11 * SECOND);
    reconciler.start();
    await expect(aReconciler(workflows, 11 * SECOND).runOnce()).rejects.toThrow('temporal cannot be reached');
    workflows.isAway = false;

    const deadline = Date.now() + 30 * SECOND;
    let state: BatchState | undefined;
    while (state !== 'started' && Date.now() < deadline) state = (await store.batches.find('p1', batchId))?.state;
    await reconciler.stop();

    expect(state).toBe('started');
  });
});
