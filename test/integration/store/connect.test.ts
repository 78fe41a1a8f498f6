import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createStore, openStore } from '../../../src/store/open-store.js';
import { outageOf } from '../../../src/temporal/client.js';
import { aBatch } from '../../support/builders.js';
import { eventually } from '../../support/eventually.js';
import { aMongoProxy } from '../../support/store.js';
import { aScriptedMongo, refusedWith, type SentCommand } from '../../servers/scripted-mongo.js';
import { aTestDatabase, type TestDatabase } from '../../servers/mongo.js';

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
    const pair = { projectId: 'p', systemName: 's', externalId: 'confidential' };
    await own.db.collection('media').insertMany([{ ...pair }, { ...pair }]);

    const error: unknown = await createStore({ url: own.url, database: own.database }).catch(
      (thrown: unknown) => thrown,
    );

    expect(error).toMatchObject({
      name: 'IndexConflict',
      message: expect.stringMatching(/^The indexes of media cannot be built: .*E11000/),
    });
    // It is not worth another try, and the message may be printed.
    expect(outageOf(error)).toBeNull();
    expect(String(error)).not.toContain('confidential');

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

  it.each([
    ['has other options under its name', 85],
    ['has another key under its name', 86],
  ])('refuses to start when an index %s, and says so in the words of the server', async (_, code) => {
    const mongo = await aScriptedMongo(database.url);
    const isItems = ({ name, command }: SentCommand) =>
      name === 'createIndexes' && command['createIndexes'] === 'items';
    mongo.script((sent) => (isItems(sent) ? { answer: refusedWith(code) } : undefined));

    await expect(createStore({ url: mongo.url, database: database.database })).rejects.toMatchObject({
      name: 'IndexConflict',
      message: `The indexes of items cannot be built: refused with ${code}`,
    });

    mongo.close();
  });

  it('takes a step-down while indexes are made for an outage, which is worth another try', async () => {
    const mongo = await aScriptedMongo(database.url);
    mongo.script(({ name }) => (name === 'createIndexes' ? { answer: refusedWith(11602) } : undefined));

    const error: unknown = await createStore({ url: mongo.url, database: database.database }).catch(
      (thrown: unknown) => thrown,
    );

    expect(outageOf(error)).toBe('mongodb');
    mongo.close();
  });
});

describe('ping', () => {
  it('fails within seconds when a server does not answer that was never reached', async () => {
    const proxy = await aMongoProxy(database.url);
    proxy.fail('frozen');
    const store = openStore({ url: proxy.url, database: database.database });
    const startedAt = performance.now();

    await expect(store.ping()).rejects.toThrow();

    // The promise is 2 s.
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    proxy.close();
    await store.close();
  });

  it('rides out an outage as long as an election, and fails when it lasts longer', async () => {
    const proxy = await aMongoProxy(database.url);
    const store = await createStore({ url: proxy.url, database: database.database });
    await store.ping();
    const answeredAt = performance.now();
    proxy.fail('cut');

    const outage = await eventually('a failing ping', async () => {
      const askedAt = performance.now();
      const failed = await store.ping().then(
        () => false,
        () => true,
      );
      return failed && performance.now() - askedAt < 10_000 && performance.now() - answeredAt;
    });

    expect(outage).toBeGreaterThan(12_000);
    expect(outage).toBeLessThan(30_000);
    proxy.fail(null);
    await eventually('an answer', async () => {
      await store.ping();
      return true;
    });
    proxy.close();
    await store.close();
  });

  it('reads a document, so that a server which answers but cannot be read is not taken for well', async () => {
    const mongo = await aScriptedMongo(database.url);
    const store = await createStore({ url: mongo.url, database: database.database });
    mongo.script(({ name }) => (name === 'find' ? { answer: refusedWith(13) } : undefined));

    await expect(store.ping()).rejects.toThrow('13');

    await store.close();
    mongo.close();
  });
});

describe('a primary that is gone', () => {
  function aLog() {
    const lines: string[] = [];
    const note = (...said: unknown[]) => void lines.push(String(said.at(-1)));
    return { lines, logger: { info: note, warn: note } };
  }
  const LOST = 'MongoDB has no server that takes writes: it restarts or elects a primary';
  const FOUND = 'MongoDB takes writes again';

  it('is noticed within 10 seconds when it does not answer any more, not even with an end of its connections', async () => {
    const proxy = await aMongoProxy(database.url);
    const { lines, logger } = aLog();
    const store = await createStore({ url: proxy.url, database: database.database, serverSelectionMs: 1_000, logger });
    await store.batches.find('p', 'b');
    const frozenAt = performance.now();
    proxy.fail('frozen');

    // In flight when the server is found dead: interrupted then, not after a time limit of its own.
    await expect(store.batches.find('p', 'b')).rejects.toThrow();
    const waited = performance.now() - frozenAt;

    expect(lines).toEqual([LOST]);
    // 10 s, the time limit of the one repetition, and what a busy machine adds.
    expect(waited).toBeLessThan(16_000);
    proxy.close();
    await store.close();
  });

  it('is told once, however many requests meet it, and so is its successor', async () => {
    const mongo = await aScriptedMongo(database.url);
    const { lines, logger } = aLog();
    const store = await createStore({ url: mongo.url, database: database.database, logger });
    const steppedDown = { answer: refusedWith(10107, ['RetryableWriteError']) };
    mongo.isPrimary = false;
    mongo.script(({ name }) => (name === 'update' ? steppedDown : undefined));

    const writes = Array.from({ length: 20 }, (_, n) =>
      store.batches.markAccepted(`none-${n}`, { itemCount: 1, importSeq: 1 }),
    );
    await eventually('a word of it', () => lines.includes(LOST));
    mongo.script(() => undefined);
    mongo.isPrimary = true;

    // They waited for the next primary instead of failing.
    await expect(Promise.all(writes)).resolves.toEqual(Array.from({ length: 20 }, () => false));
    expect(lines).toEqual([LOST, FOUND]);
    await store.close();
    expect(lines).toHaveLength(2);
    mongo.close();
  });
});
