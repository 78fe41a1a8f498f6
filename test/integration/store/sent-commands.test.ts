import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Document } from 'mongodb';
import { newBatchId, webhookIdOf } from '../../../src/domain/ids.js';
import { createStore, type OpenedStore } from '../../../src/store/open-store.js';
import { aBatch, aMediaWrite, aProjectId, aSettlement, itemSpecs } from '../../support/builders.js';
import { aScriptedMongo, type ScriptedMongo } from '../../servers/scripted-mongo.js';
import { aTestDatabase, type TestDatabase } from '../../servers/mongo.js';

const READS = new Set(['find', 'aggregate', 'distinct', 'count']);
const WRITES = new Set(['insert', 'update', 'delete', 'findAndModify', 'createIndexes']);

let database: TestDatabase;
let mongo: ScriptedMongo;
let store: OpenedStore;

beforeAll(async () => {
  database = await aTestDatabase();
});
afterAll(() => database.close());

async function open(isReplicaSet: boolean): Promise<void> {
  mongo = await aScriptedMongo(database.url, { isReplicaSet });
  store = await createStore({ url: mongo.url, database: database.database });
}
async function close(): Promise<void> {
  await store.close();
  mongo.close();
}

/** Something of every collection, so that each sort of command is sent. */
async function workWithAll(): Promise<void> {
  const { batches, items, media, deliveries, tokens, projects, idempotencyKeys, removalNotices, hosts } = store;
  const batch = aBatch();
  const { _id: batchId, projectId } = batch;
  await batches.nextImportSeq(projectId);
  await batches.insert(batch);
  await items.insertMany(batch, itemSpecs(3));
  await batches.markAccepted(batchId, { itemCount: 3, importSeq: 1 });
  await batches.find(projectId, batchId);
  await items.openInRange(batchId, 0, 2, new Date());
  await items.openFrom(batchId, 0, 10);
  await items.settle(aSettlement(batchId, 0));
  await items.settleOpen(batchId, 'cancelled', 'The import was cancelled');
  await items.totals(batchId);
  await items.failureGroups(batchId);
  await items.openGroups([batchId]);
  await media.upsert(aMediaWrite());
  await media.referenced(['a'.repeat(64)]);
  await deliveries.open({ _id: webhookIdOf(batchId, 1), projectId, batchId });
  await tokens.isRevoked('jti');
  await projects.webhookSecrets(projectId);
  await idempotencyKeys.claim(projectId, 'key', 'hash', batchId);
  await idempotencyKeys.countExpired();
  await removalNotices.announce('collector', ['b'.repeat(64)]);
  await hosts.leases.open(`w${newBatchId()}`);
  await hosts.slots.take('lease', `${newBatchId()}.example`, 1, 1);
  await store.hostRate({ points: 10, windowMs: 1_000 }).consume('host.example');
  await items.removeAll(batchId);
  await store.ping();
}

function concernOf(command: Document, kind: 'readConcern' | 'writeConcern'): string {
  const concern = (command[kind] ?? {}) as Document;
  const fields = Object.entries(concern).map(([field, value]) => `${field}=${String(value)}`);
  return fields.sort().join(' ');
}

function sentOf(names: ReadonlySet<string>): { name: string; command: Document }[] {
  return mongo.sent.filter(({ name }) => names.has(name));
}

describe.each([
  ['a replica set', true],
  ['a standalone server', false],
])('what the store sends to %s', (_, isReplicaSet) => {
  beforeEach(() => open(isReplicaSet));
  afterEach(close);

  it('reads nothing that a failover may take back, and writes nothing that it may lose', async () => {
    await workWithAll();

    const reads = new Set(sentOf(READS).map(({ name, command }) => `${name} ${concernOf(command, 'readConcern')}`));
    const writes = new Set(sentOf(WRITES).map(({ name, command }) => `${name} ${concernOf(command, 'writeConcern')}`));
    expect(reads).toEqual(new Set(['find', 'aggregate', 'distinct'].map((name) => `${name} level=majority`)));
    expect(writes).toEqual(new Set([...WRITES].map((name) => `${name} j=true w=majority wtimeout=10000`)));
  });

  it('makes its indexes with one command a collection', () => {
    const built = sentOf(new Set(['createIndexes'])).map(({ command }) => String(command['createIndexes']));

    expect(new Set(built).size).toBe(built.length);
    expect(built).toEqual(expect.arrayContaining(['items', 'media', 'hostRates']));
  });
});

describe('indexes', () => {
  afterEach(close);

  it.each([
    ['by a majority of a replica set, so that a member may be away', true, 'majority'],
    ['without a word of members on a standalone server, which refuses one', false, undefined],
  ])('are completed %s', async (_, isReplicaSet, commitQuorum) => {
    await open(isReplicaSet);

    const quorums = sentOf(new Set(['createIndexes'])).map(({ command }) => command['commitQuorum'] as unknown);

    expect(new Set(quorums)).toEqual(new Set([commitQuorum]));
  });
});

describe('an index that takes longer than any other command', () => {
  it('is waited for', async () => {
    mongo = await aScriptedMongo(database.url);
    mongo.script(({ name }) => (name === 'createIndexes' ? { delayMs: 900 } : undefined));

    store = await createStore({ url: `${mongo.url}?socketTimeoutMS=300`, database: database.database });

    expect(sentOf(new Set(['createIndexes'])).length).toBeGreaterThan(1);
    const collections = sentOf(new Set(['createIndexes'])).map(({ command }) => String(command['createIndexes']));
    expect(new Set(collections).size).toBe(collections.length);
    await close();
  });
});

describe('the look for a notice that a blob goes', () => {
  afterEach(close);

  it.each([
    ['is linearizable in a replica set, where an old primary may not know of its successor', true, 'linearizable'],
    ['is an ordinary read of a standalone server, which refuses others', false, 'majority'],
  ])('%s', async (_, isReplicaSet, level) => {
    await open(isReplicaSet);

    await store.removalNotices.find('c'.repeat(64));

    const { command } = mongo.sent.at(-1) ?? { command: {} };
    expect(command).toMatchObject({ find: 'condemned', readConcern: { level } });
  });
});

describe('a read whose size is known', () => {
  beforeEach(() => open(true));
  afterEach(close);

  it.each<[string, (batch: { _id: string; projectId: string }) => Promise<number>]>([
    ['the open items of a page', async ({ _id }) => (await store.items.openInRange(_id, 0, 599, new Date())).length],
    ['the open items of a plan', async ({ _id }) => (await store.items.openFrom(_id, 0, 600)).length],
    [
      'items that are asked for one by one',
      async ({ _id }) => {
        const found = await Promise.all(Array.from({ length: 450 }, (__, seq) => store.items.find(_id, seq)));
        return found.filter((item) => item !== null).length + 150;
      },
    ],
    [
      'external ids',
      async ({ _id }) =>
        (
          await store.items.externalIds(
            _id,
            Array.from({ length: 600 }, (__, seq) => seq),
          )
        ).size,
    ],
  ])('has its answer in one piece, so that no cursor can die with its primary: %s', async (_, read) => {
    const batch = { _id: newBatchId(), projectId: aProjectId() };
    await store.items.insertMany(batch, itemSpecs(600));

    await expect(read(batch)).resolves.toBe(600);

    expect(sentOf(new Set(['getMore']))).toEqual([]);
  });

  it('has its answer in one piece: hosts, imports', async () => {
    const names = Array.from({ length: 300 }, () => `${newBatchId()}.example`);
    await Promise.all(names.map((host) => store.hosts.slots.take('lease', host, 1, 1)));
    const finishedAt = new Date(0);
    await Promise.all(names.map(() => store.batches.insert(aBatch({ state: 'success', finishedAt }))));

    await expect(store.hosts.findAll(names)).resolves.toHaveLength(300);
    await expect(store.batches.findFinished(new Date(1), 300)).resolves.toHaveLength(300);

    expect(sentOf(new Set(['getMore']))).toEqual([]);
  });
});
