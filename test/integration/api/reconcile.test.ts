import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { newBatchId } from '../../../src/domain/ids.js';
import type { Batch, BatchState } from '../../../src/domain/import.js';
import type { Store } from '../../../src/store/store.js';
import { Outage } from '../../../src/temporal/client.js';
import { createReconciler } from '../../../src/intake/reconcile.js';
import { createStore } from '../../../src/store/open-store.js';
import { createFakeWorkflows } from '../../support/fake-workflows.js';
import { aTestDatabase, type TestDatabase } from '../../servers/mongo.js';

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

  /** Stored now; the clocks of the reconciler and of the database run ahead by the age. */
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
  const aReconciler = (workflows: ReturnType<typeof createFakeWorkflows>, ageMs: number) => {
    const now = () => new Date(Date.now() + ageMs);
    const aged = { ...store, databaseTime: () => Promise.resolve(now()) };
    return createReconciler({ store: aged, workflows, logger, intervalMs: 10, now });
  };

  it('starts an accepted batch that was never started, but not one that is just being started', async () => {
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

  it('ends an accepted batch whose workflow has ended without a word', async () => {
    const batchId = await aBatch('accepted');
    const workflows = createFakeWorkflows();
    workflows.stateOf.set(batchId, { state: 'ended', runId: 'r', failure: 'terminated' });
    const start = () => Promise.reject(new Outage('temporal'));

    await aReconciler({ ...workflows, start }, 11 * SECOND).runOnce();

    expect(await store.batches.find('p1', batchId)).toMatchObject({ state: 'failed', failure: 'terminated' });
  });

  it('leaves a half-stored batch alone that is touched while it looks', async () => {
    const batchId = await aBatch('storing');
    const findHalfStored: Store['batches']['findHalfStored'] = async (before, limit) => {
      const found = await store.batches.findHalfStored(before, limit);
      await new Promise((resolve) => setTimeout(resolve, 2));
      await store.batches.touch(batchId);
      return found;
    };
    const now = () => new Date(Date.now() + 301 * SECOND);
    const databaseTime = () => Promise.resolve(now());
    const racing = { ...store, databaseTime, batches: { ...store.batches, findHalfStored } };

    await createReconciler({ store: racing, workflows: createFakeWorkflows(), logger, now }).runOnce();

    expect(await store.items.find(batchId, 0)).not.toBeNull();
    expect(await store.batches.markAccepted(batchId, { itemCount: 1, importSeq: 1 })).toBe(true);
    await store.batches.markStarted(batchId, new Date());
  });

  it('leaves alone what others store and start when its own clock is an hour ahead of the database', async () => {
    const storing = await aBatch('storing');
    const accepted = await aBatch('accepted');
    const workflows = createFakeWorkflows();
    const now = () => new Date(Date.now() + 3_600 * SECOND);

    await createReconciler({ store, workflows, logger, now }).runOnce();

    expect((await store.batches.find('p1', storing))?.state).toBe('storing');
    expect((await store.batches.find('p1', accepted))?.state).toBe('accepted');
    expect(workflows.started).toEqual([]);
    for (const id of [storing, accepted]) await store.batches.remove(id);
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

  describe('of a batch whose run was terminated', () => {
    const WEBHOOK = 'https://hooks.example.com/x';
    /** Started, and last seen running more than a minute ago. */
    const aDeadBatch = async (changes: Partial<Batch> = {}) => {
      const batchId = await aBatch('started', { webhook: WEBHOOK, context: { order: 7 }, ...changes });
      const workflows = createFakeWorkflows();
      workflows.stateOf.set(batchId, { state: 'ended', runId: 'r', failure: 'terminated' });
      return { batchId, workflows };
    };
    const find = async (batchId: string) => (await store.batches.find('p1', batchId)) ?? {};
    /** In place of a method of the store: as if the gateway had died there. */
    const dies = () => Promise.reject(new Error('killed'));
    /** As if the gateway that holds the lease had been dead for a while. */
    const lapse = (batchId: string) =>
      database.db.collection<Batch>('batches').updateOne({ _id: batchId }, { $set: { endingAt: new Date(0) } });

    it('ends it and tells its client with the counts of that moment', async () => {
      const { batchId, workflows } = await aDeadBatch({ priority: 5 });

      await aReconciler(workflows, 0).runOnce();

      const counts = { success: 0, skipped: 0, failed: 1 };
      expect(await find(batchId)).toMatchObject({ state: 'failed', failure: 'terminated', endedRunId: 'r', counts });
      const [delivery, ...others] = await store.deliveries.listByBatch('p1', batchId);
      expect(others).toEqual([]);
      expect(delivery).toMatchObject({ _id: `msg_${batchId}_1`, generation: 1, state: 'pending' });
      expect(delivery).not.toHaveProperty('unstartedSince');
      const { finishedAt }: Partial<Batch> = await find(batchId);
      expect(JSON.parse(delivery?.body ?? '')).toEqual({
        ...{ type: 'import.finished', timestamp: finishedAt?.toISOString() },
        ...{ source: 'video-import', id: batchId, state: 'failed' },
        overview: { details: { total: 1, ...counts } },
        context: { order: 7 },
      });
      expect(workflows.delivered).toEqual([
        { projectId: 'p1', batchId, webhookId: `msg_${batchId}_1`, generation: 1, priority: 5 },
      ]);
    });

    it('opens no message when the client gave no webhook', async () => {
      const batchId = await aBatch('started');
      const workflows = createFakeWorkflows();
      workflows.stateOf.set(batchId, { state: 'missing' });

      await aReconciler(workflows, 0).runOnce();

      expect(await find(batchId)).toMatchObject({ state: 'failed', failure: 'vanished' });
      expect(await find(batchId)).not.toHaveProperty('endingAt');
      expect(await store.deliveries.listByBatch('p1', batchId)).toEqual([]);
    });

    it('gives the end after a reset a message and a delivery of its own', async () => {
      const { batchId, workflows } = await aDeadBatch({ reopened: 2 });

      await aReconciler(workflows, 0).runOnce();

      expect(workflows.delivered).toMatchObject([{ webhookId: `msg_${batchId}_3`, generation: 3 }]);
    });

    it.each([
      {
        ...{ place: 'before it settles the items', left: 'started' },
        dying: (): Partial<Store> => ({ items: { ...store.items, settleOpen: dies } }),
      },
      {
        ...{ place: 'before it ends the batch', left: 'started' },
        dying: (): Partial<Store> => ({ batches: { ...store.batches, finish: dies } }),
      },
      {
        ...{ place: 'before it opens the message', left: 'failed' },
        dying: (): Partial<Store> => ({ deliveries: { ...store.deliveries, open: dies } }),
      },
    ])('has its end completed by another gateway when the first one dies $place', async ({ dying: part, left }) => {
      const { batchId, workflows } = await aDeadBatch();
      const dying = createReconciler({ store: { ...store, ...part() }, workflows, logger });
      await expect(dying.runOnce()).rejects.toThrow('killed');
      expect(await find(batchId)).toMatchObject({ state: left, endingAt: expect.any(Date) });

      await aReconciler(workflows, 0).runOnce();
      expect(workflows.delivered).toEqual([]);
      await lapse(batchId);
      await aReconciler(workflows, 0).runOnce();

      expect(await find(batchId)).toMatchObject({ state: 'failed', counts: { failed: 1 } });
      expect(await find(batchId)).not.toHaveProperty('endingAt');
      expect(workflows.delivered).toMatchObject([{ webhookId: `msg_${batchId}_1` }]);
    });

    it('has its delivery started by another gateway when the first one could not start it', async () => {
      const { batchId, workflows } = await aDeadBatch();
      const deliver = () => Promise.reject(new Outage('temporal'));
      await aReconciler({ ...workflows, deliver }, 0).runOnce();
      expect(await find(batchId)).toMatchObject({ state: 'failed' });

      await aReconciler(workflows, 29 * SECOND).runOnce();
      expect(workflows.delivered).toEqual([]);
      await aReconciler(workflows, 31 * SECOND).runOnce();
      await aReconciler(workflows, 91 * SECOND).runOnce();

      expect(workflows.delivered).toEqual([
        { projectId: 'p1', batchId, webhookId: `msg_${batchId}_1`, generation: 1, priority: 3 },
      ]);
    });

    it('is not ended while Temporal cannot say whether it runs', async () => {
      const { batchId, workflows } = await aDeadBatch();
      workflows.isAway = true;

      await expect(aReconciler(workflows, 0).runOnce()).rejects.toThrow('temporal cannot be reached');

      expect(await find(batchId)).toMatchObject({ state: 'started' });
      workflows.isAway = false;
      await aReconciler(workflows, 61 * SECOND).runOnce();
      expect(await find(batchId)).toMatchObject({ state: 'failed' });
    });
  });

  it('looks at running imports in turn, at most 500 in a pass, and asks no server that is away for each', async () => {
    const at = new Date();
    const running = Array.from({ length: 700 }, (_, n): Batch => ({
      ...{ _id: newBatchId(), projectId: 'p1', kind: 'video', systemName: 's', itemCount: 1, importSeq: n + 1 },
      ...{ state: 'started', createdAt: at, touchedAt: at, checkedAt: new Date(n) },
    }));
    await database.db.collection<Batch>('batches').insertMany(running);
    const workflows = createFakeWorkflows();
    const looked: string[] = [];
    const state: typeof workflows.state = (ref) => {
      looked.push(ref.batchId);
      return workflows.state(ref);
    };
    const reconciler = aReconciler({ ...workflows, state }, 0);

    await reconciler.runOnce();
    const first = looked.length;
    await reconciler.runOnce();
    await reconciler.runOnce();

    const mine = new Set(running.map(({ _id }) => _id));
    expect(first).toBe(500);
    expect(looked.filter((id) => mine.has(id)).sort()).toEqual([...mine].sort());
    workflows.isAway = true;
    await expect(aReconciler({ ...workflows, state }, 61 * SECOND).runOnce()).rejects.toThrow(Outage);
    expect(looked.length).toBeLessThan(800);
  });
});
