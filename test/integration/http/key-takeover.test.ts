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
  const accept = async (idempotency: NonNullable<AcceptInput['idempotency']>) => {
    const workflows = createFakeWorkflows();
    const logger = pino({ level: 'silent' });
    const acceptBatch = createAcceptBatch({ store, workflows, metrics: { batchAccepted: () => undefined }, logger });
    const names = { externalId: 'a', fileName: 'a', mediaType: 'video', host: 'a.example' };
    const items = [{ seq: 0, url: 'https://a.example/', metadata: {}, ...names }];
    const accepted = await acceptBatch({
      projectId: 'p1',
      kind: 'video',
      request: { systemName: 's', items },
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
});
