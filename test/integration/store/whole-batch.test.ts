import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { newBatchId } from '../../../src/contract/ids.js';
import { createStore, type OpenedStore } from '../../../src/store/connect.js';
import { anItemSpec, aProjectId } from '../../support/builders.js';
import { aTestDatabase, type TestDatabase } from '../../support/mongo.js';
import { aScriptedMongo, refusedWith, type Fate, type ScriptedMongo } from '../../support/scripted-mongo.js';

/** Of two hosts in turns, so that a range of one holds items of the other. */
const ITEMS = 3_400;
const DEAD = 'dead.example';
const OF_DEAD = ITEMS / 2;

let database: TestDatabase;
let mongo: ScriptedMongo;
let store: OpenedStore;

beforeAll(async () => {
  database = await aTestDatabase();
  mongo = await aScriptedMongo(database.url);
  store = await createStore({ url: mongo.url, database: database.database });
});
afterEach(() => {
  mongo.script(() => undefined);
});
afterAll(async () => {
  await store.close();
  mongo.close();
  await database.close();
});

async function aStoredBatch(): Promise<string> {
  const batchId = newBatchId();
  const specs = Array.from({ length: ITEMS }, (_, seq) =>
    anItemSpec(seq, { host: seq % 2 === 0 ? DEAD : 'alive.example' }),
  );
  await store.items.insertMany({ _id: batchId, projectId: aProjectId() }, specs);
  return batchId;
}

/** Gives the n-th update of many documents from now on this fate. */
function failUpdate(n: number, fate: Fate): void {
  let seen = 0;
  mongo.script(({ name }) => {
    if (name !== 'update') return undefined;
    seen += 1;
    return seen === n ? fate : undefined;
  });
}

function countOf(chunks: readonly number[]): number {
  return chunks.reduce((sum, count) => sum + count, 0);
}

describe('settling the items of one host', () => {
  it('goes a thousand at a time, tells of each, and leaves other hosts and settled items alone', async () => {
    const batchId = await aStoredBatch();
    await store.items.settle({ batchId, seq: 0, state: 'success', mediaId: 'm' });
    const before = mongo.sent.length;
    const chunks: number[] = [];

    const settled = await store.items.settleOpenOf(batchId, DEAD, 'timeout', 'Gone', (count) => chunks.push(count));

    expect(settled).toBe(OF_DEAD - 1);
    expect(chunks).toEqual([1_000, OF_DEAD - 1 - 1_000]);
    const updates = mongo.sent.slice(before).filter(({ name }) => name === 'update');
    expect(updates).toHaveLength(2);
    await expect(store.items.totals(batchId)).resolves.toMatchObject({
      open: ITEMS / 2,
      failed: OF_DEAD - 1,
      success: 1,
    });
    await expect(store.items.settleOpenOf(batchId, DEAD, 'timeout', 'Gone')).resolves.toBe(0);
  });

  it.each<[string, Fate]>([
    ['the answer to an update gets lost', { lose: 'answer' }],
    ['an update gets lost on its way', { lose: 'request' }],
    ['the primary steps down before an update', { answer: refusedWith(10107, ['RetryableWriteError']) }],
    ['an update is not acknowledged by a majority', { amend: { writeConcernError: { code: 91, errmsg: 'down' } } }],
  ])('counts exactly what it has settled when %s', async (_, fate) => {
    const batchId = await aStoredBatch();
    failUpdate(2, fate);
    const chunks: number[] = [];

    const settled = await store.items.settleOpenOf(batchId, DEAD, 'timeout', 'Gone', (count) => chunks.push(count));

    expect(settled).toBe(OF_DEAD);
    expect(countOf(chunks)).toBe(OF_DEAD);
    await expect(store.items.totals(batchId)).resolves.toMatchObject({ failed: OF_DEAD, open: ITEMS - OF_DEAD });
  });

  it('passes a refusal on without another try, and has told what was settled before', async () => {
    const batchId = await aStoredBatch();
    failUpdate(2, { answer: refusedWith(13) });
    const chunks: number[] = [];

    const settling = store.items.settleOpenOf(batchId, DEAD, 'timeout', 'Gone', (count) => chunks.push(count));

    await expect(settling).rejects.toMatchObject({ code: 13 });
    expect(chunks).toEqual([1_000]);
    await expect(store.items.totals(batchId)).resolves.toMatchObject({ failed: 1_000 });
  });
});

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
