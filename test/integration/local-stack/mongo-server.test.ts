import { once } from 'node:events';
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MongoClient, type Collection } from 'mongodb';
import { cacheFolder } from '../../../src/local-stack/tools.js';
import { anyFreePort } from '../../../src/local-stack/ports.js';
import { startMongoServer, type MongoServer } from '../../../src/local-stack/mongo-server.js';
import { prepareEmulator } from '../../../src/local-stack/find-mongo.js';
import { stopServer } from '../../../src/local-stack/spawn-server.js';

interface Numbered {
  readonly _id: string;
  readonly key: string;
}

/** A file that the emulator of version 0.2.0 wrote. */
const FROM_0_2_0 = fileURLToPath(new URL('../../fixtures/mongodb-emulator', import.meta.url));
const KILLS = 3;
const LANES = 20;

let folder: string;
let server: MongoServer | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mongo-server-'));
});
afterEach(async () => {
  if (server !== undefined) await stopServer(server);
  await rm(folder, { recursive: true });
});

async function start(port: number): Promise<MongoServer> {
  const emulator = await prepareEmulator({ cache: cacheFolder(), report: () => undefined, env: process.env });
  server = await startMongoServer({
    server: emulator,
    port,
    dbPath: join(folder, 'data'),
    logFile: join(folder, 'log'),
  });
  return server;
}

/** Inserts from 20 lanes until the server dies; adds what was acknowledged to the list. */
async function insertUntilDeath(
  collection: Collection<Numbered>,
  round: number,
  acknowledged: string[],
): Promise<void> {
  await Promise.all(
    Array.from({ length: LANES }, async (_, lane) => {
      for (let count = 0; ; count += 1) {
        const id = `${round}:${lane}:${count}`;
        try {
          await collection.insertOne({ _id: id, key: id });
        } catch {
          return;
        }
        acknowledged.push(id);
      }
    }),
  );
}

describe('the MongoDB emulator', () => {
  it('loses no acknowledged write and keeps its indexes whole when it is killed', async () => {
    const port = await anyFreePort();
    const acknowledged: string[] = [];
    for (let round = 0; round < KILLS; round += 1) {
      const { url, child } = await start(port);
      const client = new MongoClient(url, { retryWrites: false, serverSelectionTimeoutMS: 1_000 });
      const collection = client.db('killed').collection<Numbered>('numbered');
      await collection.createIndex({ key: 1 }, { unique: true }, {});
      const before = acknowledged.length;
      const inserting = insertUntilDeath(collection, round, acknowledged);
      await expectEventually(() => acknowledged.length > before + 300);
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await Promise.all([gone, inserting]);
      await client.close();
    }

    const { url } = await start(port);
    const client = await new MongoClient(url).connect();
    const collection = client.db('killed').collection<Numbered>('numbered');
    const stored = await collection.find().toArray();
    const ids = new Set(stored.map(({ _id }) => _id));
    expect(acknowledged.filter((id) => !ids.has(id))).toEqual([]);
    // Every document that is there is found through the unique index, and cannot be inserted again under another id.
    const last = stored.slice(-50);
    for (const { key } of last) {
      expect(await collection.countDocuments({ key })).toBe(1);
      await expect(collection.insertOne({ _id: `again:${key}`, key })).rejects.toMatchObject({ code: 11_000 });
    }
    await client.close();
  }, 240_000);

  it('lets one of many racing upserts on a unique index win, and listens on the loopback address only', async () => {
    const { url } = await start(await anyFreePort());
    const client = await new MongoClient(url).connect();
    const collection = client.db('races').collection('media');
    await collection.createIndex({ project: 1, key: 1 }, { unique: true }, {});
    for (let key = 0; key < 20; key += 1) {
      const results = await Promise.allSettled(
        Array.from({ length: 8 }, (_, writer) =>
          collection.updateOne(
            { project: 'p', key, seq: { $lte: writer } },
            { $set: { seq: writer } },
            { upsert: true },
          ),
        ),
      );
      const refusals = results.filter((result) => result.status === 'rejected');
      for (const { reason } of refusals) expect(reason).toMatchObject({ code: 11_000 });
      expect(await collection.countDocuments({ key })).toBe(1);
    }
    expect(new URL(url).hostname).toBe('127.0.0.1');
    await client.close();
  });

  it('answers ranges and prefixes of an index as a look at every document would', async () => {
    const { url } = await start(await anyFreePort());
    const client = await new MongoClient(url).connect();
    const collection = client
      .db('ranges')
      .collection<{ _id: string; batch: string; state: string; seq: number }>('items');
    await collection.createIndex({ batch: 1, state: 1, seq: 1 }, { unique: true }, {});
    const documents = Array.from({ length: 300 }, (_, seq) => {
      const batch = `b${seq % 3}`;
      return { _id: `${batch}:${String(seq).padStart(4, '0')}`, batch, state: seq % 2 ? 'open' : 'done', seq };
    });
    await collection.insertMany(documents);
    const seqs = (found: { seq: number }[]): number[] => found.map(({ seq }) => seq);
    const expected = (matches: (document: (typeof documents)[number]) => boolean): number[] =>
      seqs(documents.filter(matches)).sort((a, b) => a - b);
    const find = async (filter: object): Promise<number[]> =>
      seqs(await collection.find(filter).sort({ seq: 1 }).toArray());

    expect(await find({ batch: 'b1' })).toEqual(expected(({ batch }) => batch === 'b1'));
    expect(await find({ batch: 'b1', state: 'open', seq: { $gt: 20, $lte: 200 } })).toEqual(
      expected(({ batch, state, seq }) => batch === 'b1' && state === 'open' && seq > 20 && seq <= 200),
    );
    expect(await find({ _id: { $gte: 'b0:0100', $lt: 'b1:0000' } })).toEqual(
      expected(({ batch, seq }) => batch === 'b0' && seq >= 100),
    );
    expect(await find({ batch: 'b2', seq: { $in: [2, 3, 5] } })).toEqual([2, 5]);
    expect(await find({ _id: /^b2:00/ })).toEqual(expected(({ batch, seq }) => batch === 'b2' && seq < 100));
    expect(await collection.countDocuments({ _id: /^b2:00/ })).toBe(33);
    expect(await find({ batch: { $in: ['b0', 'b1'] }, state: 'open' })).toEqual(
      expected(({ batch, state }) => batch !== 'b2' && state === 'open'),
    );
    const grouped = await collection
      .aggregate([
        { $match: { batch: 'b0' } },
        { $group: { _id: '$state', count: { $sum: 1 } } },
        { $sort: { _id: 1 } },
      ])
      .toArray();
    expect(grouped).toEqual([
      { _id: 'done', count: 50 },
      { _id: 'open', count: 50 },
    ]);
    await client.close();
  });

  it('reads along an index in its order, across steps and several values of its first key', async () => {
    const { url } = await start(await anyFreePort());
    const client = await new MongoClient(url).connect();
    const collection = client.db('order').collection<{ batch: string; state: string; seq: number }>('items');
    await collection.createIndex({ batch: 1, state: 1, seq: 1 }, { unique: true }, {});
    // Inserted backwards, so that only the index has them in order.
    const documents = Array.from({ length: 1_400 }, (_, at) => {
      const seq = 1_399 - at;
      return { batch: `b${seq % 2}`, state: 'open', seq };
    });
    await collection.insertMany(documents);
    const even = Array.from({ length: 700 }, (_, at) => 2 * at);
    const open = { batch: 'b0', state: 'open' };
    const find = async (filter: object, order: 1 | -1, limit = 0): Promise<number[]> =>
      (await collection.find(filter).sort({ seq: order }).limit(limit).toArray()).map(({ seq }) => seq);
    const count = async (match: object): Promise<unknown> =>
      (await collection.aggregate([{ $match: match }, { $group: { _id: null, count: { $sum: 1 } } }]).toArray())[0];

    expect(await find(open, 1)).toEqual(even);
    expect(await find({ ...open, seq: { $gte: 100 } }, 1, 300)).toEqual(even.slice(50, 350));
    expect(await find(open, -1, 2)).toEqual([1_398, 1_396]);
    expect(await find({ batch: { $in: ['b1', 'b0', 'b1'] }, state: 'open' }, 1, 600)).toEqual(
      Array.from({ length: 600 }, (_, seq) => seq),
    );
    expect(await count({ batch: { $in: ['b1', 'none', 'b0'] }, state: 'open' })).toMatchObject({ count: 1_400 });
    expect(await count(open)).toMatchObject({ count: 700 });
    await client.close();
  });

  it('takes over what version 0.2.0 has stored', async () => {
    const kept = join(folder, 'data', 'stand-in');
    await cp(FROM_0_2_0, kept, { recursive: true });
    const { url } = await start(await anyFreePort());
    const client = await new MongoClient(url).connect();
    const items = await client
      .db('conv')
      .collection('items')
      .find({ batchId: 'batch00000001' })
      .sort({ seq: 1 })
      .toArray();
    expect(items.map(({ metadata }) => metadata as unknown)).toEqual([
      { title: 'Video 0' },
      { a: [1, 2.5, null, { b: true }] },
    ]);
    const first = { batchId: 'batch00000001', state: 'open', seq: 0 };
    await expect(client.db('conv').collection('items').insertOne(first)).rejects.toMatchObject({ code: 11_000 });
    expect(await readdir(kept)).toEqual(['documents.mv']);
    await client.close();
  });

  it('reports wire version 13', async () => {
    const { url } = await start(await anyFreePort());
    const client = await new MongoClient(url).connect();
    const hello = await client.db('admin').command({ isMaster: 1 });
    expect(hello['maxWireVersion']).toBe(13);
    await client.close();
  });

  it('refuses a port where something listens, instead of taking that for itself', async () => {
    const port = await anyFreePort();
    await start(port);
    await expect(start(port)).rejects.toThrow(`Port ${port} is in use; choose another with MONGODB_PORT`);
  });

  it('shows the end of its log when it cannot start', async () => {
    const first = await start(await anyFreePort());
    // The file of the first is locked.
    await expect(start(await anyFreePort())).rejects.toThrow(
      /The MongoDB server ended while it was starting.*:\n[^]*lock/,
    );
    expect(first.child.exitCode).toBeNull();
  });
});

async function expectEventually(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('The condition did not come true within 60 s');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
