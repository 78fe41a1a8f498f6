import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createStore, openStore } from '../../../src/store/connect.js';
import { aBatch } from '../../support/builders.js';
import { aMongoProxy } from '../../support/store.js';
import { aTestDatabase, type TestDatabase } from '../../support/mongo.js';

let database: TestDatabase;

beforeAll(async () => {
  database = await aTestDatabase();
});
afterAll(() => database.close());

describe('createStore', () => {
  it('starts on a database that another process prepared, and pings it', async () => {
    const options = { url: database.url, database: database.database };
    const [first, second] = await Promise.all([createStore(options), createStore(options)]);

    await expect(second.ping()).resolves.toBeUndefined();

    await Promise.all([first.close(), second.close()]);
  });

  it('refuses to start when a unique index cannot be built', async () => {
    const own = await aTestDatabase();
    const pair = { projectId: 'p', systemName: 's', externalId: 'e' };
    await own.db.collection('media').insertMany([{ ...pair }, { ...pair }]);

    await expect(createStore({ url: own.url, database: own.database })).rejects.toThrow('E11000');

    await own.close();
  });

  it('keeps what was acknowledged for the next process', async () => {
    const options = { url: database.url, database: database.database };
    const batch = aBatch();
    const first = await createStore(options);
    await first.batches.insert(batch);
    await first.close();

    const second = await createStore(options);

    await expect(second.batches.find(batch.projectId, batch._id)).resolves.toStrictEqual(batch);
    await second.close();
  });

  it('connects to a server that comes up only after the first try', async () => {
    const proxy = await aMongoProxy(database.url);
    proxy.fail('cut');
    const store = openStore({ url: proxy.url, database: database.database, serverSelectionMs: 500 });
    await expect(store.prepare()).rejects.toThrow();
    await expect(store.batches.find('p', 'b')).rejects.toThrow();
    proxy.fail(null);

    await store.prepare();

    await expect(store.batches.find('p', 'b')).resolves.toBeNull();
    await store.close();
    proxy.close();
  });

  it('says within seconds that a server which stopped answering cannot be reached', async () => {
    const proxy = await aMongoProxy(database.url);
    const store = await createStore({ url: proxy.url, database: database.database });
    await store.ping();
    proxy.fail('frozen');
    const startedAt = performance.now();

    await expect(store.ping()).rejects.toThrow();

    // The promise is 2 s; without it the driver takes 40.
    expect(performance.now() - startedAt).toBeLessThan(15_000);
    proxy.close();
    await store.close();
  });
});
