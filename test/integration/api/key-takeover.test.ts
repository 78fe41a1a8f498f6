import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import type { Batch, BatchState } from '../../../src/domain/import.js';
import { newBatchId } from '../../../src/domain/ids.js';
import type { Store } from '../../../src/store/store.js';
import { createAcceptBatch, type AcceptInput } from '../../../src/intake/accept.js';
import { createStore } from '../../../src/store/open-store.js';
import { eventually } from '../../support/eventually.js';
import { createFakeWorkflows } from '../../support/fake-workflows.js';
import { aTestDatabase, type TestDatabase } from '../../servers/mongo.js';

const MINUTE = 60_000;

describe('createAcceptBatch, for a key whose first POST died', () => {
  let database: TestDatabase;
  let store: Store;
  let aheadMs = 0;
  beforeAll(async () => {
    database = await aTestDatabase();
    const now = () => new Date(Date.now() + aheadMs);
    store = await createStore({ url: database.url, database: database.database, now });
  });
  afterAll(async () => {
    await store.close();
    await database.close();
  });

  /** Claims a key as a gateway does that dies at once, and lets the claim run out. */
  const aDeadClaim = async () => {
    const idempotency = { key: randomUUID(), bodyHash: 'h' };
    const batchId = newBatchId();
    await store.idempotencyKeys.claim('p1', idempotency.key, idempotency.bodyHash, batchId);
    aheadMs += 2 * MINUTE;
    return { batchId, idempotency };
  };
  const storeBatch = async (batchId: string, state: BatchState) => {
    const at = new Date(Date.now() - MINUTE);
    const ids = { _id: batchId, projectId: 'p1', kind: 'video', systemName: 's', itemCount: 1, importSeq: 1 } as const;
    const batch: Batch = { ...ids, state, createdAt: at, touchedAt: at };
    await store.batches.insert(batch);
  };
  const accept = async (
    idempotency: NonNullable<AcceptInput['idempotency']>,
    replaced: Partial<Store['batches']> = {},
  ) => {
    const batches = { ...store.batches, ...replaced };
    const workflows = createFakeWorkflows();
    const logger = pino({ level: 'silent' });
    const acceptBatch = createAcceptBatch({
      ...{ store: { ...store, batches }, workflows, logger },
      plan: { sweepAbove: 200, sweepPage: 50, hostMaxConcurrent: 16 },
      metrics: { batchAccepted: () => undefined },
    });
    const names = { externalId: 'a', fileName: 'a', mediaType: 'video', host: 'a.example' };
    const items = [{ seq: 0, url: 'https://a.example/', metadata: {}, ...names }];
    const accepted = await acceptBatch({
      projectId: 'p1',
      kind: 'video',
      request: { envelope: { systemName: 's' }, chunks: () => Readable.from([items]) },
      mayBeUrgent: false,
      idempotency,
    });
    return { accepted, started: workflows.started.length };
  };

  it.each<[string, BatchState]>([
    ['accepted', 'accepted'],
    ['started', 'started'],
  ])('answers the id of its import when that was %s', async (_name, state) => {
    const { batchId, idempotency } = await aDeadClaim();
    await storeBatch(batchId, state);

    expect(await accept(idempotency)).toEqual({ accepted: { batchId, isReplay: true }, started: 0 });
    expect(await accept(idempotency)).toEqual({ accepted: { batchId, isReplay: true }, started: 0 });
  });

  it.each<[string, BatchState | null]>([
    ['before it stored anything', null],
    ['while it stored items', 'storing'],
  ])('%s begins anew under an id of its own, and answers it from then on', async (_name, state) => {
    const dead = await aDeadClaim();
    if (state !== null) await storeBatch(dead.batchId, state);

    const { accepted, started } = await accept(dead.idempotency);

    expect(accepted).toMatchObject({ isReplay: false });
    expect(accepted.batchId).not.toBe(dead.batchId);
    expect(started).toBe(1);
    const again = { accepted: { batchId: accepted.batchId, isReplay: true }, started: 0 };
    expect(await accept(dead.idempotency)).toEqual(again);
    await eventually('removal', async () => (await store.batches.find('p1', dead.batchId)) === null);
  });

  it('accepts nothing of a POST that was only slow, once another one has its key', async () => {
    const idempotency = { key: randomUUID(), bodyHash: 'h' };
    let quick: Awaited<ReturnType<typeof accept>> | undefined;
    // The slow one stops after its claim for longer than its lease, and the quick one comes meanwhile.
    const nextImportSeq: Store['batches']['nextImportSeq'] = async (projectId) => {
      aheadMs += 2 * MINUTE;
      quick = await accept(idempotency);
      return store.batches.nextImportSeq(projectId);
    };

    await expect(accept(idempotency, { nextImportSeq })).rejects.toMatchObject({ status: 503 });

    expect(quick).toMatchObject({ accepted: { isReplay: false }, started: 1 });
    const batchId = quick?.accepted.batchId;
    expect(await accept(idempotency)).toEqual({ accepted: { batchId, isReplay: true }, started: 0 });
  });

  it.each<[string, BatchState | null]>([
    ['was never stored', null],
    ['was refused', 'storing'],
  ])('takes another body when the batch %s', async (_name, state) => {
    const { batchId, idempotency } = await aDeadClaim();
    if (state !== null) await storeBatch(batchId, state);

    const { accepted, started } = await accept({ ...idempotency, bodyHash: 'other' });

    expect(accepted).toMatchObject({ isReplay: false });
    expect(started).toBe(1);
    await eventually('removal', async () => (await store.batches.find('p1', batchId)) === null);
  });

  it('refuses another body while the first POST is being handled, and asks the same one to come again', async () => {
    const idempotency = { key: randomUUID(), bodyHash: 'h' };
    await store.idempotencyKeys.claim('p1', idempotency.key, idempotency.bodyHash, newBatchId());

    await expect(accept({ ...idempotency, bodyHash: 'other' })).rejects.toMatchObject({ status: 422 });
    await expect(accept(idempotency)).rejects.toMatchObject({ status: 409 });
  });

  it('asks to come again while lines are read under the key, whose hash is not known yet', async () => {
    const idempotency = { key: randomUUID(), bodyHash: 'h' };
    await store.idempotencyKeys.claim('p1', idempotency.key, null, newBatchId());

    await expect(accept(idempotency)).rejects.toMatchObject({ status: 409 });
  });

  it('refuses another body when the batch was accepted', async () => {
    const { batchId, idempotency } = await aDeadClaim();
    await storeBatch(batchId, 'started');

    await expect(accept({ ...idempotency, bodyHash: 'other' })).rejects.toMatchObject({ status: 422 });
    expect(await accept(idempotency)).toEqual({ accepted: { batchId, isReplay: true }, started: 0 });
  });

  it('frees the key when not even a number for the import could be had', async () => {
    const idempotency = { key: randomUUID(), bodyHash: 'h' };
    const nextImportSeq = () => Promise.reject(new Error('no number'));

    await expect(accept(idempotency, { nextImportSeq })).rejects.toThrow('no number');

    expect((await accept({ ...idempotency, bodyHash: 'other' })).started).toBe(1);
  });

  it('does not accept a batch that was given up while it was stored, and leaves no items', async () => {
    let lost = '';
    const markAccepted: Store['batches']['markAccepted'] = async (batchId, accepted) => {
      lost = batchId;
      const batch = await store.batches.find('p1', batchId);
      if (batch !== null && (await store.batches.giveUp(batch))) await store.batches.remove(batchId);
      return store.batches.markAccepted(batchId, accepted);
    };

    const posted = accept({ key: randomUUID(), bodyHash: 'h' }, { markAccepted });

    await expect(posted).rejects.toMatchObject({ status: 503, headers: { 'Retry-After': '5' } });
    expect(await store.items.find(lost, 0)).toBeNull();
  });
});
