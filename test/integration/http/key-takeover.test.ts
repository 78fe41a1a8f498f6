import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import type { Batch, BatchState } from '../../../src/contract/batch.js';
import { newBatchId } from '../../../src/contract/ids.js';
import type { Store } from '../../../src/contract/store.js';
import { createAcceptBatch, type AcceptInput } from '../../../src/intake/accept-batch.js';
import { createStore } from '../../../src/store/connect.js';
import { createFakeWorkflows } from '../../support/fake-workflows.js';
import { aTestDatabase, type TestDatabase } from '../../support/mongo.js';

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
      metrics: { batchAccepted: () => undefined },
      reach: () => undefined,
    });
    const names = { externalId: 'a', fileName: 'a', mediaType: 'video', host: 'a.example' };
    const items = [{ seq: 0, url: 'https://a.example/', metadata: {}, ...names }];
    const accepted = await acceptBatch({
      projectId: 'p1',
      kind: 'video',
      request: { envelope: { systemName: 's' }, chunks: () => Readable.from([items]) },
      idempotency,
    });
    return { accepted, started: workflows.started.length };
  };

  it.each<[string, BatchState | null, boolean, number]>([
    ['before it stored anything', null, false, 1],
    ['while it stored items', 'storing', false, 1],
    ['after it was accepted', 'accepted', true, 0],
    ['after it was started', 'started', true, 0],
  ])('%s answers the id that was promised', async (_name, state, isReplay, starts) => {
    const { batchId, idempotency } = await aDeadClaim();
    if (state !== null) await storeBatch(batchId, state);

    const { accepted, started } = await accept(idempotency);

    expect(accepted).toEqual({ batchId, isReplay });
    expect(started).toBe(starts);
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
    expect(await store.batches.find('p1', batchId)).toBeNull();
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
    const markAccepted: Store['batches']['markAccepted'] = async (batchId, itemCount) => {
      lost = batchId;
      const batch = await store.batches.find('p1', batchId);
      if (batch !== null && (await store.batches.giveUp(batch))) await store.batches.remove(batchId);
      return store.batches.markAccepted(batchId, itemCount);
    };

    const posted = accept({ key: randomUUID(), bodyHash: 'h' }, { markAccepted });

    await expect(posted).rejects.toMatchObject({ status: 503, headers: { 'Retry-After': '5' } });
    expect(await store.items.find(lost, 0)).toBeNull();
  });
});
