import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MongoClient, type Document } from 'mongodb';
import { newBatchId } from '../../../src/domain/ids.js';
import { itemKey } from '../../../src/domain/item.js';
import { createStore, type OpenedStore } from '../../../src/store/open-store.js';
import { openGroups } from '../../../src/store/failure-groups.js';
import { itemTotals } from '../../../src/store/item-queries.js';
import type { StoredItem } from '../../../src/store/item-documents.js';
import { anAttempt, anItemSpec, aProjectId, aSettlement, itemSpecs } from '../../support/builders.js';
import { aTestDatabase, type TestDatabase } from '../../servers/mongo.js';
import { aScriptedMongo, type ScriptedMongo } from '../../servers/scripted-mongo.js';

const ITEMS = 3_400;

let database: TestDatabase;
let mongo: ScriptedMongo;
let store: OpenedStore;
/** For counts and bounds that the store does not let anybody choose. */
let client: MongoClient;

beforeAll(async () => {
  database = await aTestDatabase();
  mongo = await aScriptedMongo(database.url);
  store = await createStore({ url: mongo.url, database: database.database });
  client = await new MongoClient(mongo.url).connect();
});
afterAll(async () => {
  await client.close();
  await store.close();
  mongo.close();
  await database.close();
});

const itemsOf = () => client.db(database.database).collection<StoredItem>('items');
const matchOf = ({ pipeline }: Document): object => (pipeline as [{ $match: object }])[0].$match;

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
    // One more for the summary of what has failed.
    expect(writes).toHaveLength(13);
  });
});

describe('counting a whole batch', () => {
  it('goes window by window of the keys, which do not change while items are settled, and tells of each', async () => {
    const batchId = await aStoredBatch();
    await store.items.settle(aSettlement(batchId, 0));
    await store.items.settle(aSettlement(batchId, ITEMS - 1));
    const told: number[] = [];
    const before = mongo.sent.length;

    const totals = await itemTotals(itemsOf(), batchId, (count) => told.push(count), 1_000);

    expect(totals).toEqual({ open: ITEMS - 2, success: 2, skipped: 0, failed: 0, bytes: 2_000 });
    expect(told).toEqual([1_000, 1_000, 1_000, 400]);
    const sent = mongo.sent.slice(before);
    expect(sent.map(({ command }) => command['hint'] as unknown)).toEqual(Array(4).fill({ _id: 1 }));
    const matches = sent.map(({ command }) => matchOf(command));
    expect(matches).toEqual(
      [0, 1, 2, 3].map((window) => ({
        batchId,
        _id: { $gte: itemKey(batchId, window * 1_000), $lte: itemKey(batchId, window * 1_000 + 999) },
      })),
    );
  });

  it('ends at the first window that is not full, also when that is the empty one behind the last item', async () => {
    const batchId = newBatchId();
    await store.items.insertMany({ _id: batchId, projectId: aProjectId() }, itemSpecs(20));
    const before = mongo.sent.length;

    await expect(itemTotals(itemsOf(), batchId, undefined, 10)).resolves.toMatchObject({ open: 20 });

    expect(mongo.sent.slice(before)).toHaveLength(3);
  });
});

describe('a look at the open items of a large batch', () => {
  it('has a bound that holds before any filter which no index answers', async () => {
    const batchId = newBatchId();
    await store.items.insertMany({ _id: batchId, projectId: aProjectId() }, itemSpecs(60));
    const later = new Date(Date.now() + 60_000);
    for (let seq = 0; seq < 30; seq += 1)
      await store.items.recordAttempt(batchId, seq + 8, anAttempt({ code: 'timeout' }), 'Too late', later);
    const before = mongo.sent.length;

    const { groups, isPartial } = await openGroups(itemsOf(), [batchId], [20]);

    expect(isPartial).toBe(true);
    // Of the first twenty open items eight were not tried; of those that were, twenty are counted by themselves.
    expect(groups).toEqual([
      { host: 'cdn.example.com', count: 8, attempts: 0 },
      { host: 'cdn.example.com', code: 'timeout', count: 20, attempts: 20 },
    ]);
    const commands = mongo.sent.slice(before).map(({ command }) => command);
    expect(commands).toHaveLength(2);
    for (const command of commands) {
      expect((command['pipeline'] as object[])[1]).toEqual({ $limit: 20 });
      expect(Object.keys(command['hint'] as object)).toEqual(expect.arrayContaining(Object.keys(matchOf(command))));
    }
  });

  it('is one look where it meets them all', async () => {
    const batchId = newBatchId();
    await store.items.insertMany({ _id: batchId, projectId: aProjectId() }, itemSpecs(19));
    await store.items.recordAttempt(batchId, 3, anAttempt({ code: 'timeout' }), 'Too late', new Date());
    const before = mongo.sent.length;

    const { groups, isPartial } = await openGroups(itemsOf(), [batchId], [20]);

    expect(isPartial).toBe(false);
    expect(groups).toHaveLength(2);
    expect(mongo.sent.slice(before)).toHaveLength(1);
  });

  it('groups failures along one index and takes samples only of those that were counted', async () => {
    const batchId = newBatchId();
    await store.items.insertMany({ _id: batchId, projectId: aProjectId() }, itemSpecs(4));
    for (const seq of [0, 1])
      await store.items.settle(aSettlement(batchId, seq, { state: 'failed', code: 'http_404', reason: 'Gone' }));
    await store.items.recordAttempt(batchId, 2, anAttempt({ code: 'timeout' }), 'Too late', new Date());
    const before = mongo.sent.length;

    await expect(store.items.failureGroups(batchId)).resolves.toHaveLength(2);

    const sent = mongo.sent.slice(before);
    // Grouped from the keys of one index, in which the items of a state that have a code lie together.
    for (const { command } of sent.filter(({ name }) => name === 'aggregate'))
      expect(Object.keys(command['hint'] as object)).toEqual([...Object.keys(matchOf(command)), 'host']);
    const samples = sent.filter(({ name }) => name === 'find');
    expect(samples.map(({ command }) => command['filter'] as unknown)).toEqual([
      { batchId, state: 'failed', code: 'http_404', host: 'cdn.example.com' },
      { batchId, state: 'open', code: 'timeout', host: 'cdn.example.com' },
    ]);
  });
});
