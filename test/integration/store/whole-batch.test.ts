import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newBatchId } from '../../../src/contract/ids.js';
import { createStore, type OpenedStore } from '../../../src/store/connect.js';
import { anItemSpec, aProjectId } from '../../support/builders.js';
import { aTestDatabase, type TestDatabase } from '../../support/mongo.js';
import { aScriptedMongo, type ScriptedMongo } from '../../support/scripted-mongo.js';

const ITEMS = 3_400;

let database: TestDatabase;
let mongo: ScriptedMongo;
let store: OpenedStore;

beforeAll(async () => {
  database = await aTestDatabase();
  mongo = await aScriptedMongo(database.url);
  store = await createStore({ url: mongo.url, database: database.database });
});
afterAll(async () => {
  await store.close();
  mongo.close();
  await database.close();
});

async function aStoredBatch(): Promise<string> {
  const batchId = newBatchId();
  const specs = Array.from({ length: ITEMS }, (_, seq) => anItemSpec(seq));
  await store.items.insertMany({ _id: batchId, projectId: aProjectId() }, specs);
  return batchId;
}

describe('what concerns a whole batch', () => {
  it('goes window by window and tells of each: settling, opening again, removal', async () => {
    const batchId = await aStoredBatch();
    const told: Record<'settled' | 'opened' | 'removed', number[]> = { settled: [], opened: [], removed: [] };
    const before = mongo.sent.length;

    await store.items.settleOpen(batchId, 'cancelled', 'Over', (count) => told.settled.push(count));
    await store.items.reopen(batchId, 'cancelled', (count) => told.opened.push(count));
    const reopened = await store.items.totals(batchId);
    await store.items.removeAll(batchId, (count) => told.removed.push(count));

    const windows = [1_000, 1_000, 1_000, 400];
    expect(told).toEqual({ settled: windows, opened: windows, removed: [...windows].reverse() });
    expect(reopened).toMatchObject({ open: ITEMS, failed: 0 });
    const writes = mongo.sent.slice(before).filter(({ name }) => name === 'update' || name === 'delete');
    expect(writes).toHaveLength(12);
  });
});
