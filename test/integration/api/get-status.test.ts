import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EventEmitter, once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { newBatchId } from '../../../src/domain/ids.js';
import { KINDS, type Batch, type Kind } from '../../../src/domain/import.js';
import type { ListedItem } from '../../../src/domain/item.js';
import type { Store } from '../../../src/store/store.js';
import { eventually } from '../../support/eventually.js';
import { aGateway, aToken, type TestGateway, type TestGatewayOptions } from '../../support/gateway.js';
import { anItem, finish, settleThree, SHA } from '../../support/import-builders.js';

const ORIGINAL_URL = `https://assets.example.com/assets/${SHA}.bin`;
const IDS = ['external-unique-id-123', 'external-unique-id-234', 'external-unique-id-345'];
const SYSTEM = 'identifier-for-your-system';

describe('GET /api/:v/import/{videos,files,images}/status', () => {
  let gateway: TestGateway;
  const others: TestGateway[] = [];
  beforeAll(async () => {
    gateway = await aGateway();
  });
  afterAll(async () => {
    await Promise.all([gateway, ...others].map((each) => each.close()));
  });
  const another = async (options: TestGatewayOptions) => {
    const made = await aGateway(options);
    others.push(made);
    return made;
  };

  const anImport = async (kind: Kind, on = gateway, ids = IDS): Promise<string> => {
    const { plural } = KINDS[kind];
    const items = ids.map((id) => anItem(id));
    const { body } = await on.client.post(`/api/v1/import/${plural}`, { systemName: SYSTEM, [plural]: items });
    return (body as { id: string }).id;
  };
  const status = (kind: Kind, id: string, on = gateway) =>
    on.client.get(`/api/2026-05/import/${KINDS[kind].plural}/status?id=${encodeURIComponent(id)}`);
  const pair = (index: number) => ({ systemName: SYSTEM, externalId: IDS[index] });
  const failed = { state: 'failed', reason: 'The source answered 404', ...pair(2), code: 'http_404' };

  it('answers a running import in the published shape', async () => {
    const id = await anImport('video');
    const startedAt = (await gateway.store.batches.find('p1', id))?.startedAt?.toISOString() ?? '';

    expect((await status('video', id)).body).toEqual({
      finished: false,
      state: 'started',
      id,
      startedAt: startedAt.slice(0, 19).replace('T', ' '),
    });
  });

  it('answers a failed import in the published shape', async () => {
    const id = await anImport('file');
    await finish(gateway.store, id, 'failed');

    expect((await status('file', id)).body).toEqual({ finished: true, state: 'failed', id });
  });

  it('answers finished videos in the published shape', async () => {
    const id = await anImport('video');
    await settleThree(gateway.store, id, 'video/mp4');
    const video = { originalUrl: ORIGINAL_URL, mimeType: 'video/mp4' };

    const answer = await status('video', id);

    expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(answer.body).toEqual({
      finished: true,
      state: 'success',
      id,
      videos: [
        { state: 'success', ...pair(0), video: { mediaId: 'jjiwhsf23kdk', ...video } },
        { state: 'skipped', reason: 'already exists', ...pair(1), video: { mediaId: 'jjiwhsf23wer', ...video } },
        failed,
      ],
    });
  });

  it('answers finished files in the published shape', async () => {
    const id = await anImport('file');
    await settleThree(gateway.store, id, 'application/pdf');

    expect((await status('file', id)).body).toEqual({
      finished: true,
      state: 'success',
      id,
      files: [
        { state: 'success', mediaId: 'jjiwhsf23kdk', ...pair(0) },
        { state: 'skipped', reason: 'already exists', mediaId: 'jjiwhsf23wer', ...pair(1) },
        failed,
      ],
    });
  });

  it('answers finished images with their size', async () => {
    const id = await anImport('image');
    await settleThree(gateway.store, id, 'image/png', { width: 4, height: 3 });
    const image = { originalUrl: ORIGINAL_URL, url: ORIGINAL_URL, width: 4, height: 3, mimeType: 'image/png' };

    expect((await status('image', id)).body).toEqual({
      finished: true,
      state: 'success',
      id,
      images: [
        { state: 'success', ...pair(0), image: { mediaId: 'jjiwhsf23kdk', ...image } },
        { state: 'skipped', reason: 'already exists', ...pair(1), image: { mediaId: 'jjiwhsf23wer', ...image } },
        failed,
      ],
    });
  });

  it('calls imported items as later published where that is set', async () => {
    const other = await another({ settings: { itemSuccessState: 'imported' } });
    const id = await anImport('file', other);
    await settleThree(other.store, id, 'application/pdf');

    const { body } = await status('file', id, other);

    expect(body).toMatchObject({
      state: 'success',
      files: [{ state: 'imported' }, { state: 'skipped' }, { state: 'failed' }],
    });
  });

  it('lists thousands of items in the order of the request', async () => {
    const ids = Array.from({ length: 2_000 }, (_, seq) => `e${seq}`);
    const id = await anImport('file', gateway, ids);
    await gateway.store.items.settleOpen(id, 'cancelled', 'The import was cancelled');
    await finish(gateway.store, id, 'success');

    const { body } = await status('file', id);

    expect((body as { files: { externalId: string }[] }).files.map((file) => file.externalId)).toEqual(ids);
  });

  /** A gateway whose readings of lists are counted, and told of when they end. */
  const aWatchedGateway = async () => {
    const events = new EventEmitter();
    const readings = { begun: 0 };
    const watch = async function* (items: AsyncIterable<ListedItem>) {
      readings.begun += 1;
      try {
        yield* items;
      } finally {
        events.emit('ended');
      }
    };
    const other = await another({
      replace: ({ store }) => {
        const stream: Store['items']['stream'] = (batchId) => watch(store.items.stream(batchId));
        return { store: { ...store, items: { ...store.items, stream } } };
      },
    });
    return { other, readings, events };
  };
  const aFinishedImport = async (on: TestGateway, ids: string[], reason = 'The import was cancelled') => {
    const id = await anImport('file', on, ids);
    await on.store.items.settleOpen(id, 'cancelled', reason);
    await finish(on.store, id, 'success');
    return id;
  };
  const externalIds = ({ body }: { body: unknown }) =>
    (body as { files: { externalId: string }[] }).files.map((file) => file.externalId);
  /** A list of more than the 8 MiB that are kept. */
  const manyIds = Array.from({ length: 6_000 }, (_, seq) => `e${seq}`);
  const aLargeImport = (on: TestGateway) => aFinishedImport(on, manyIds, 'A long reason. '.repeat(110));

  it('reads a list once for all who ask for it', async () => {
    const { other, readings } = await aWatchedGateway();
    const ids = Array.from({ length: 500 }, (_, seq) => `e${seq}`);
    const id = await aFinishedImport(other, ids);

    const answers = await Promise.all(Array.from({ length: 20 }, () => status('file', id, other)));
    answers.push(await status('file', id, other));

    expect(answers.map(externalIds)).toEqual(Array(21).fill(ids));
    expect(readings.begun).toBe(1);
  });

  it('streams a list that is too large to be kept, to each who asks for it', async () => {
    const { other } = await aWatchedGateway();
    const id = await aLargeImport(other);

    const answers = await Promise.all([status('file', id, other), status('file', id, other)]);

    expect(answers.map(({ headers }) => headers.get('content-length'))).toEqual([null, null]);
    for (const answer of answers) expect(externalIds(answer)).toEqual(manyIds);
  });

  it.each([
    ['expires', () => Promise.resolve(), 2],
    // Looked at every 5 s.
    ['is revoked', (on: TestGateway, jti: string) => on.store.tokens.revoke(jti, new Date()), 3_600],
  ])('cuts off a streamed list when its token %s', async (_name, end, lifetimeS) => {
    const events = new EventEmitter();
    const [half, allowed] = [once(events, 'half'), once(events, 'go on')];
    const stream: Store['items']['stream'] = async function* (batchId) {
      for await (const item of gateway.store.items.stream(batchId)) {
        if (item.seq === manyIds.length / 2) {
          events.emit('half');
          await allowed;
        }
        yield item;
      }
    };
    // So many items that the list is streamed at once.
    const find: Store['batches']['find'] = async (projectId, id) => {
      const batch = await gateway.store.batches.find(projectId, id);
      return batch && { ...batch, itemCount: 1_000_000 };
    };
    const other = await another({
      replace: ({ store }) => ({
        store: { ...store, batches: { ...store.batches, find }, items: { ...store.items, stream } },
      }),
    });
    const id = await aLargeImport(gateway);
    const jti = `ends-${lifetimeS}`;
    const token = await aToken({ jti, exp: Math.floor(Date.now() / 1000) + lifetimeS });
    const startedAt = Date.now();

    const answer = other.client
      .call('GET', `/api/v1/import/files/status?id=${id}`, { headers: { authorization: `Bearer ${token}` } })
      .then(
        ({ status: code, body }) => [code, body === null ? 'in part' : 'whole'],
        () => [200, 'in part'],
      );
    await half;
    await end(other, jti);
    await eventually('the end of the token, noticed', () => Date.now() - startedAt > 6_000);
    events.emit('go on');

    expect(await answer).toEqual([200, 'in part']);
  });

  it('holds as many lists as there is room for, shares one list, and tells others to come back', async () => {
    const MIB = 1024 ** 2;
    const other = await another({ settings: { memoryForAnswers: 16 * MIB } });
    const [first, second] = [await aLargeImport(other), await aLargeImport(other)];
    const unread = request(`${other.origin}/api/v1/import/files/status?id=${first}`, {
      headers: { authorization: `Bearer ${other.client.token}` },
    });
    unread.end();
    const [response] = (await once(unread, 'response')) as [IncomingMessage];

    // 8 MiB of 16 are half: all that one project may have.
    const refused = await status('file', second, other);
    const small = await anImport('file', other);
    await settleThree(other.store, small, 'application/pdf');
    const stranger = await other.clientOf({ projectId: 'p2' });
    response.destroy();

    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('5');
    expect(refused.body).toMatchObject({ error_details: { message: 'Too many lists wait for their readers' } });
    expect((await stranger.get(`/api/v1/import/files/status?id=${first}`)).status).toBe(404);
    expect((await status('file', second, other)).status).toBe(200);
    expect((await status('file', small, other)).status).toBe(200);
  });

  it('stops reading items when the client does not read the answer', async () => {
    const { other, events } = await aWatchedGateway();
    const id = await aLargeImport(other);
    await status('file', id, other);
    const ended = once(events, 'ended');
    const headers = { authorization: `Bearer ${other.client.token}` };

    const answer = await other.client.call('HEAD', `/api/v1/import/files/status?id=${id}`, { headers });
    await ended;

    expect(answer.status).toBe(200);
  });

  it.each([
    ['no id', ''],
    ['an empty id', '?id='],
    ['two ids', '?id=a&id=b'],
  ])('answers %s with 400', async (_name, query) => {
    const answer = await gateway.client.get(`/api/v1/import/videos/status${query}`);

    expect(answer.body).toEqual({
      status: 400,
      error: 'Bad Request',
      error_details: { id: 'Must be given once as a query parameter' },
    });
  });

  it('does not know unknown ids, other projects and half-stored imports', async () => {
    const id = await anImport('video');
    const at = new Date();
    const storing: Batch = {
      ...{ _id: newBatchId(), projectId: 'p1', kind: 'video', systemName: 's', itemCount: 1, importSeq: 99 },
      ...{ state: 'storing', createdAt: at, touchedAt: at },
    };
    await gateway.store.batches.insert(storing);
    const stranger = await gateway.clientOf({ projectId: 'p2' });
    const notFound = (unknown: string) => ({
      status: 404,
      error: 'Not Found',
      error_details: { name: 'NotFound', message: `Import does not exist (id: '${unknown}')` },
    });

    expect((await status('video', '098shjhv9')).body).toEqual(notFound('098shjhv9'));
    expect((await stranger.get(`/api/v1/import/files/status?id=${id}`)).body).toEqual(notFound(id));
    expect((await status('video', storing._id)).body).toEqual(notFound(storing._id));
    expect((await stranger.get(`/api/v1/import/videos/status?id=${id}`)).body).toEqual(notFound(id));
    expect((await stranger.get(`/api/v1/imports/${id}`)).body).toEqual(notFound(id));
  });

  it.each([
    ['video', 'file', 'is a file import; ask at /api/2026-05/import/files/status'],
    ['file', 'image', 'is an image import; ask at /api/2026-05/import/images/status'],
    ['image', 'video', 'is a video import; ask at /api/2026-05/import/videos/status'],
  ] as const)('does not take the id of a %s route for that of a %s, and says what it is', async (asked, kind, what) => {
    const id = await anImport(kind);

    const answer = await status(asked, id);

    expect(answer.body).toEqual({
      status: 404,
      error: 'Not Found',
      error_details: { name: 'NotFound', message: `Import ${id} ${what}?id=${id}` },
    });
  });

  it('calls unknown ids lost where that is set', async () => {
    const other = await another({ settings: { unknownId: 'lost' } });

    const answer = await status('video', '098shjhv9', other);

    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({ finished: false, state: 'lost', id: 'no import job found for id "098shjhv9"' });
    const id = await anImport('video', other);
    const stranger = await other.clientOf({ projectId: 'p2' });
    expect((await stranger.get(`/api/v1/import/videos/status?id=${id}`)).body).toEqual({
      ...{ finished: false, state: 'lost' },
      id: `no import job found for id "${id}"`,
    });
  });

  it('answers from MongoDB while Temporal is away, and asks once for many readers', async () => {
    const id = await anImport('video');
    gateway.workflows.isAway = true;
    const before = gateway.workflows.queries;
    const askedAt = Date.now();

    const answers = await Promise.all(Array.from({ length: 20 }, () => status('video', id)));
    gateway.workflows.isAway = false;

    expect(answers.map((answer) => (answer.body as { state: string }).state)).toEqual(Array(20).fill('started'));
    // One a second, however long the machine takes for all of them.
    expect(gateway.workflows.queries - before).toBeLessThanOrEqual(2 + (Date.now() - askedAt) / 1_000);
  });

  it.each([
    ['was terminated', { state: 'ended', runId: 'r', failure: 'terminated' }, 'terminated'],
    ['is gone', { state: 'missing' }, 'vanished'],
  ] as const)('ends an import whose workflow %s', async (_name, state, failure) => {
    const id = await anImport('video');
    gateway.workflows.stateOf.set(id, state);

    expect((await status('video', id)).body).toEqual({ finished: true, state: 'failed', id });

    expect(await gateway.store.batches.find('p1', id)).toMatchObject({
      state: 'failed',
      failure,
      counts: { success: 0, skipped: 0, failed: 3 },
    });
    expect(await gateway.store.items.find(id, 0)).toMatchObject({ state: 'failed', code: 'cancelled' });
  });
});
