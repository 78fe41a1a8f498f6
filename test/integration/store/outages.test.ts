import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { outageOf } from '../../../src/temporal/client.js';
import { newBatchId } from '../../../src/domain/ids.js';
import { createStore, type OpenedStore } from '../../../src/store/open-store.js';
import { aBatch, aMediaWrite, aProjectId, aSettlement, itemSpecs } from '../../support/builders.js';
import { eventually } from '../../support/eventually.js';
import { aGateway, type TestGateway } from '../../support/gateway.js';
import { aTestDatabase, type TestDatabase } from '../../servers/mongo.js';
import { aScriptedMongo, refusedWith, type Fate, type ScriptedMongo } from '../../servers/scripted-mongo.js';

let database: TestDatabase;
let mongo: ScriptedMongo;
let store: OpenedStore;

beforeAll(async () => {
  database = await aTestDatabase();
  mongo = await aScriptedMongo(database.url);
  store = await createStore({ url: mongo.url, database: database.database, serverSelectionMs: 2_000 });
});
afterEach(() => {
  mongo.script(() => undefined);
});
afterAll(async () => {
  await store.close();
  mongo.close();
  await database.close();
});

const NOT_DURABLE: Fate = {
  amend: { writeConcernError: { code: 91, codeName: 'ShutdownInProgress', errmsg: 'down' } },
};
const SLOW_MAJORITY: Fate = {
  amend: {
    writeConcernError: { code: 64, codeName: 'WriteConcernTimeout', errmsg: 'waiting for replication timed out' },
  },
};
const NO_SUCH_MAJORITY: Fate = {
  amend: {
    writeConcernError: { code: 100, codeName: 'UnsatisfiableWriteConcern', errmsg: 'Not enough data-bearing nodes' },
  },
};

/** Each sort of write that the store makes: its command, and a call that makes it. */
const WRITES: readonly (readonly [string, string, () => Promise<unknown>])[] = [
  ['one insert', 'insert', () => store.batches.insert(aBatch())],
  ['a bulk of inserts', 'insert', () => store.items.insertMany({ _id: newBatchId(), projectId: 'p' }, itemSpecs(3))],
  ['a group commit of inserts', 'insert', () => store.media.upsert(aMediaWrite(), null)],
  ['a group commit of updates', 'update', () => store.items.settle(aSettlement(newBatchId(), 0))],
  ['slots of hosts', 'update', () => store.hosts.slots.take('lease', `${newBatchId()}.example`, 1, 1)],
  ['one update', 'update', () => store.batches.markAccepted(newBatchId(), { itemCount: 1, importSeq: 1 })],
  ['a find and update', 'findAndModify', () => store.batches.nextImportSeq(aProjectId())],
  ['a removal', 'delete', () => store.idempotencyKeys.release('p', newBatchId(), 'b')],
];

async function errorOf(work: () => Promise<unknown>): Promise<unknown> {
  return work().then(
    () => null,
    (error: unknown) => error,
  );
}

describe.each(WRITES)('a failover that meets %s', (_, command, write) => {
  // Three of them; test/unit/temporal/outage.test.ts has all.
  it.each([91, 10107, 11602])('is an outage when the answer is %d', async (code) => {
    mongo.script(({ name }) => (name === command ? { answer: refusedWith(code) } : undefined));

    expect(outageOf(await errorOf(write))).toBe('mongodb');
  });

  it.each([
    ['says that the member shuts down', NOT_DURABLE],
    ['says that the majority takes too long', SLOW_MAJORITY],
    ['says that there are too few members', NO_SUCH_MAJORITY],
  ])('is an outage when the write concern %s', async (__, fate) => {
    mongo.script(({ name }) => (name === command ? fate : undefined));

    expect(outageOf(await errorOf(write))).toBe('mongodb');
  });

  it('goes unnoticed when the write is sent once more to a primary', async () => {
    let refused = false;
    mongo.script(({ name }) => {
      if (name !== command || refused) return undefined;
      refused = true;
      return { answer: refusedWith(10107, ['RetryableWriteError']) };
    });

    await write();

    expect(refused).toBe(true);
  });
});

describe('an error that is no outage', () => {
  it.each(WRITES)('stays one in %s, and carries no document', async (_, command, write) => {
    mongo.script(({ name }) => (name === command ? { answer: refusedWith(13) } : undefined));

    const error = await errorOf(write);

    expect(error).toBeInstanceOf(Error);
    expect(outageOf(error)).toBeNull();
  });

  it.each([
    ['refused', { answer: refusedWith(13) }],
    ['met by a step-down', { answer: refusedWith(10107) }],
    ['not durable', NOT_DURABLE],
  ] as [string, Fate][])('of a bulk that is %s names a code and no URL', async (_, fate) => {
    mongo.script(({ name }) => (name === 'insert' ? fate : undefined));

    const error = await errorOf(() => store.items.insertMany({ _id: newBatchId(), projectId: 'p' }, itemSpecs(3)));

    expect(error).toMatchObject({ message: expect.stringMatching(/^The database .+ \(code \d+\)$/) });
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('cdn.example.com');
  });
});

describe('a POST during a failover', () => {
  let gateway: TestGateway;
  beforeEach(async () => {
    gateway = await aGateway({ replace: () => ({ store }) });
  });
  afterEach(() => gateway.close());

  const body = (id: string) => ({
    systemName: 'failover',
    videos: [{ url: 'https://media.example.com/a.mp4', id, fileName: 'a.mp4', metadata: {} }],
  });

  it.each<[string, string, Fate]>([
    ['insert', 'batches', { answer: refusedWith(10107) }],
    ['insert', 'items', { answer: refusedWith(10107) }],
    ['insert', 'items', { answer: refusedWith(91) }],
    ['insert', 'items', { answer: refusedWith(11602) }],
    ['insert', 'items', NOT_DURABLE],
    ['insert', 'items', SLOW_MAJORITY],
    ['insert', 'idempotencyKeys', NOT_DURABLE],
    ['update', 'batches', NOT_DURABLE],
    ['findAndModify', 'counters', NOT_DURABLE],
  ])(
    'is answered 503 with Retry-After when %s on %s fails, and is accepted once when repeated',
    async (name, of, fate) => {
      const id = newBatchId();
      const post = () =>
        gateway.client.post('/api/2026-11/import/videos', body(id), { headers: { 'Idempotency-Key': id } });
      mongo.script((sent) => (sent.name === name && sent.command[name] === of ? fate : undefined));

      const failed = await post();
      mongo.script(() => undefined);
      const accepted = await eventually('an accepted POST', async () => {
        const answer = await post();
        // 409 while what the first one has stored is taken back.
        return answer.status !== 409 && answer;
      });

      expect(failed.status).toBe(503);
      expect(failed.body).toMatchObject({ error_details: { mongodb: expect.any(String) } });
      expect(Number(failed.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(accepted.status).toBe(200);
      const { id: batchId } = accepted.body as { id: string };
      expect((await post()).body).toEqual({ id: batchId });
      expect(gateway.workflows.started.map((started) => started.batchId)).toEqual([batchId]);
      await expect(store.items.totals(batchId)).resolves.toMatchObject({ open: 1 });
    },
  );
});
