import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Batch } from '../../../src/domain/import.js';
import { aBatch, aProjectId, aSettlement, anAttempt, itemSpecs } from '../../support/builders.js';
import { aGateway, type TestGateway } from '../../support/gateway.js';
import type { HttpClient } from '../../support/http-client.js';

interface Page {
  readonly items: readonly Record<string, unknown>[];
  readonly next: string | null;
}

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await aGateway();
});
afterAll(() => gateway.close());

describe('GET /api/:v/imports', () => {
  let projectId: string;
  let client: HttpClient;
  let importSeq: number;
  beforeEach(async () => {
    projectId = aProjectId();
    client = await gateway.clientOf({ projectId, scope: 'public-api:read' });
    importSeq = 0;
  });

  const accepted = async (changes: Partial<Batch> = {}): Promise<Batch> => {
    importSeq += 1;
    const batch = aBatch({ projectId, itemCount: 2, ...changes });
    await gateway.store.batches.insert(batch);
    await gateway.store.items.insertMany(batch, itemSpecs(2));
    await gateway.store.batches.markAccepted(batch._id, { itemCount: 2, importSeq });
    await gateway.store.batches.markStarted(batch._id, new Date());
    return batch;
  };
  const ended = async (failed: number, changes: Partial<Batch> = {}): Promise<Batch> => {
    const batch = await accepted(changes);
    const counts = { success: 2 - failed, skipped: 0, failed };
    const end = { state: 'success', counts, bytes: 20, at: new Date(), startedAt: new Date() } as const;
    await gateway.store.batches.finish(projectId, batch._id, end);
    return batch;
  };
  const list = async (query = '') => (await client.get(`/api/v1/imports${query}`)).body as Page;
  const ids = ({ items }: Page) => items.map(({ id }) => id);

  it('shows the imports of the project that were accepted, the last one first, each as it is shown by itself', async () => {
    const [first, last] = [await ended(1), await accepted({ kind: 'file', systemName: 'shop' })];
    const counts = { total: 2, open: 1, success: 1, skipped: 0, failed: 0 };
    const startedAt = new Date(Date.now() - 10_000).toISOString();
    const waitingFor = [{ host: 'cdn.example.com', until: new Date().toISOString(), items: 1 }];
    const progress = { startedAt, round: 1, counts, bytes: 10, nextSeq: 0, waitingFor };
    gateway.workflows.progressOf.set(last._id, progress);
    await gateway.store.batches.insert(aBatch({ projectId }));

    const { items, next } = await list();

    expect(next).toBeNull();
    expect(items).toHaveLength(2);
    for (const [at, { _id }] of [last, first].entries()) {
      const { failures, actions, workflow, ...row } = (await client.get(`/api/v1/imports/${_id}`))
        .body as Page['items'][0];
      expect([failures, actions, workflow]).toEqual([expect.any(Array), [], expect.any(Object)]);
      expect(items[at]).toEqual({ ...row, rate: items[at]?.['rate'] });
    }
    expect(items[0]).toMatchObject({ kind: 'file', systemName: 'shop', state: 'started', counts, waitingFor });
  });

  it('is read to its end page by page while others are accepted, nothing twice and nothing left out', async () => {
    for (let count = 0; count < 7; count += 1) await accepted();
    const whole = ids(await list());

    const pages: unknown[][] = [];
    for (let after = ''; ;) {
      const page = await list(`?limit=3${after}`);
      pages.push(ids(page));
      await accepted();
      if (page.next === null) break;
      after = `&after=${page.next}`;
    }

    expect(pages.map((page) => page.length)).toEqual([3, 3, 1]);
    expect(pages.flat()).toEqual(whole);
  });

  it('links to the next page with the same filters, and to none on the last one', async () => {
    await ended(0);
    await ended(0);

    const { headers } = await client.get('/api/v1/imports?limit=1&state=success');
    const last = await client.get('/api/v1/imports?limit=2&state=success');

    expect(headers.get('link')).toBe(
      '<https://api.example.com/api/v1/imports?limit=1&state=success&after=2>; rel="next"',
    );
    expect(last.headers.get('link')).toBeNull();
  });

  it('filters by state, kind and system, and by all of them', async () => {
    const done = await ended(0);
    const running = await accepted({ systemName: 'shop' });
    const failed = await accepted({ kind: 'image' });
    const paused = await accepted({ pausedAt: new Date() });
    const end = {
      state: 'failed',
      failure: 'cancelled',
      counts: { success: 0, skipped: 0, failed: 2 },
      bytes: 0,
    } as const;
    await gateway.store.batches.finish(projectId, failed._id, { ...end, at: new Date() });

    expect(ids(await list('?state=success'))).toEqual([done._id]);
    expect(ids(await list('?state=started'))).toEqual([running._id]);
    expect(ids(await list('?state=paused'))).toEqual([paused._id]);
    expect(ids(await list('?state=failed'))).toEqual([failed._id]);
    expect(ids(await list('?kind=image'))).toEqual([failed._id]);
    expect(ids(await list('?systemName=shop'))).toEqual([running._id]);
    expect(ids(await list('?systemName=shop&state=success'))).toEqual([]);
    expect(ids(await list('?systemName=cms&state=success&kind=video'))).toEqual([done._id]);
  });

  it('tells troubled imports: those with failed items, and open ones that have failed an attempt or wait for a host', async () => {
    await ended(0);
    const failed = await ended(1);
    await accepted();
    const [waits, recovers] = [await accepted(), await accepted()];
    const { batches, items } = gateway.store;
    for (const { _id } of [waits, recovers]) {
      const batch = await batches.find(projectId, _id);
      if (batch === null) throw new Error('The batch is gone');
      await batches.markTroubled(batch);
    }
    expect(ids(await list('?troubled=true'))).toEqual([recovers._id, waits._id, failed._id]);

    await items.recordAttempt(recovers._id, 0, anAttempt({ code: 'http_5xx' }), 'busy', new Date());
    for (const seq of [0, 1]) await items.settle(aSettlement(recovers._id, seq));
    const counts = { success: 2, skipped: 0, failed: 0 };
    await batches.finish(projectId, recovers._id, { state: 'success', counts, bytes: 1, at: new Date() });

    expect(ids(await list('?troubled=true'))).toEqual([waits._id, failed._id]);
    expect(ids(await list('?troubled=false'))).toHaveLength(5);
  });

  it('asks no run twice in a second, and keeps nobody waiting for a run that it knows', async () => {
    for (let count = 0; count < 20; count += 1) {
      const { _id } = await accepted();
      const counts = { total: 2, open: 2, success: 0, skipped: 0, failed: 0 };
      const startedAt = new Date().toISOString();
      gateway.workflows.progressOf.set(_id, { startedAt, round: 1, counts, bytes: 0, nextSeq: 0 });
    }
    const before = gateway.workflows.queries;

    await list();
    const [first, second] = await Promise.all([list(), list()]);

    expect(gateway.workflows.queries - before).toBe(20);
    expect(first).toEqual(second);
    expect(first.items.every(({ counts }) => counts !== null)).toBe(true);
  });

  it('counts small imports in the database while Temporal is away', async () => {
    await accepted();
    gateway.workflows.isAway = true;
    const { items } = await list();
    gateway.workflows.isAway = false;

    expect(items).toMatchObject([{ state: 'started', counts: { total: 2, open: 2 }, round: null }]);
  });

  it('names every bad parameter, and shows a project nothing of another one', async () => {
    await accepted();
    const other = await gateway.clientOf({ projectId: aProjectId() });
    const operator = await gateway.clientOf({ projectId, scope: 'operations' });
    const bad = '?state=done&kind=audio&systemName=&troubled=maybe&after=x&limit=0&foo=1';

    const { status, body } = await client.get(`/api/v1/imports${bad}`);

    expect(status).toBe(400);
    const details = (body as { error_details: object }).error_details;
    expect(Object.keys(details).sort()).toEqual(['after', 'foo', 'kind', 'limit', 'state', 'systemName', 'troubled']);
    expect((await other.get('/api/v1/imports')).body).toEqual({ items: [], next: null });
    expect((await operator.get('/api/v1/imports')).status).toBe(403);
  });
});
