import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MongoClient, MongoNetworkError, type Collection } from 'mongodb';
import { createGroupCommit, createKeyedReader } from '../../../src/store/batching.js';
import { aMongoProxy } from '../../support/store.js';
import { aTestDatabase, type TestDatabase } from '../../servers/mongo.js';

interface Note {
  readonly _id: string;
  readonly text: string;
}

let database: TestDatabase;
let notes: Collection<Note>;

beforeAll(async () => {
  database = await aTestDatabase();
  notes = database.db.collection('notes');
});
afterAll(() => database.close());

describe('createGroupCommit', () => {
  it('answers each writer its own outcome when some inserts of a bulk meet their key', async () => {
    const commit = createGroupCommit(notes);
    await notes.insertOne({ _id: 'taken', text: 'secret' });

    const outcomes = await Promise.all([
      commit({ insert: { _id: 'free-1', text: 'x' } }),
      commit({ insert: { _id: 'taken', text: 'x' } }),
      commit({ filter: { _id: 'taken' }, update: { $set: { text: 'changed' } } }),
      commit({ insert: { _id: 'free-2', text: 'x' } }),
    ]);

    expect(outcomes).toEqual(['applied', 'duplicate', 'applied', 'applied']);
    await expect(notes.findOne({ _id: 'taken' })).resolves.toEqual({ _id: 'taken', text: 'changed' });
  });

  it('is unsure of all updates of a bulk in which one found nothing', async () => {
    const commit = createGroupCommit(notes);
    await notes.insertOne({ _id: 'there', text: 'x' });

    const outcomes = await Promise.all([
      commit({ filter: { _id: 'there' }, update: { $set: { text: 'y' } } }),
      commit({ filter: { _id: 'nowhere' }, update: { $set: { text: 'y' } } }),
      commit({ insert: { _id: 'with them', text: 'x' } }),
    ]);

    expect(outcomes).toEqual(['unsure', 'unsure', 'applied']);
  });

  it('tells a refused write alone, without what it tried to write', async () => {
    const commit = createGroupCommit(notes);
    await notes.insertOne({ _id: 'text', text: 'not a number' });
    const update = { $inc: { text: 1 } } as object;

    const [refused, applied] = await Promise.allSettled([
      commit({ filter: { _id: 'text' }, update }),
      commit({ insert: { _id: 'beside it', text: 'x' } }),
    ]);

    expect(applied).toEqual({ status: 'fulfilled', value: 'applied' });
    expect(refused).toMatchObject({ status: 'rejected' });
    expect(JSON.stringify(refused)).not.toContain('not a number');
  });

  it('rejects every writer of a bulk that did not reach the server, without what they tried to write', async () => {
    const own = await aTestDatabase();
    const commit = createGroupCommit(own.db.collection<Note>('notes'));
    await own.close();

    const outcomes = await Promise.allSettled(
      ['a', 'b'].map((_id) => commit({ insert: { _id, text: 'confidential' } })),
    );

    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') throw new Error('A write without a server was acknowledged');
      expect(outcome.reason).toBeInstanceOf(Error);
      const told = JSON.stringify(outcome.reason, Object.getOwnPropertyNames(outcome.reason));
      expect(told).not.toContain('confidential');
    }
  });

  it('tells an outage in the middle of a bulk as such, to every writer', async () => {
    const proxy = await aMongoProxy(database.url);
    const client = await new MongoClient(proxy.url).connect();
    const commit = createGroupCommit(client.db(database.database).collection<Note>('notes'));
    await commit({ insert: { _id: 'before the outage', text: 'x' } });
    proxy.fail('cut');

    const outcomes = await Promise.allSettled(['o1', 'o2'].map((_id) => commit({ insert: { _id, text: 'x' } })));

    const outage = { status: 'rejected', reason: expect.any(MongoNetworkError) };
    expect(outcomes).toEqual([outage, outage]);
    proxy.close();
    await client.close();
  });

  it('writes thousands of documents that come at once', async () => {
    const commit = createGroupCommit(notes);

    const outcomes = await Promise.all(
      Array.from({ length: 3_000 }, (_, n) => commit({ insert: { _id: `many-${n}`, text: 'x' } })),
    );

    expect(new Set(outcomes)).toEqual(new Set(['applied']));
    await expect(notes.countDocuments({ _id: /^many-/ })).resolves.toBe(3_000);
  });
});

describe('createKeyedReader', () => {
  it('answers each reader its own document, and null where there is none', async () => {
    const read = createKeyedReader(notes);
    await notes.insertMany(['r1', 'r2'].map((_id) => ({ _id, text: `of ${_id}` })));

    const found = await Promise.all(['r2', 'none', 'r1', 'r2'].map(read));

    expect(found.map((note) => note?.text)).toEqual(['of r2', undefined, 'of r1', 'of r2']);
  });
});
