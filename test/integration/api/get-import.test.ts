import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { aGateway, type TestGateway } from '../../support/gateway.js';
import { anAttempt } from '../../support/builders.js';
import { anItem, settleThree } from '../../support/import-builders.js';

const ISO = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as unknown;

describe('GET /api/:v/imports/:id', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await aGateway();
  });
  afterAll(() => gateway.close());

  const anImport = async (): Promise<string> => {
    const files = ['a', 'b', 'c'].map((id) => anItem(id));
    const { body } = await gateway.client.post('/api/v1/import/files', { systemName: 's', files });
    return (body as { id: string }).id;
  };
  const links = (id: string) => ({
    self: `https://api.example.com/api/2026-05/imports/${id}`,
    items: `https://api.example.com/api/2026-05/imports/${id}/items`,
    deliveries: `https://api.example.com/api/2026-05/imports/${id}/deliveries`,
    status: `https://api.example.com/api/2026-05/import/files/status?id=${id}`,
  });
  const workflow = (id: string) => ({
    id: `import/p1/${id}`,
    runId: 'run-1',
    url: `https://temporal.example.com/namespaces/default/workflows/import%2Fp1%2F${id}/run-1/history`,
  });

  it('shows how far a running import is, as its workflow tells', async () => {
    const id = await anImport();
    const counts = { total: 3, open: 1, success: 1, skipped: 1, failed: 0 };
    const startedAt = new Date(Date.now() - 10_000).toISOString();
    const recent = [[Date.now() / 1_000 - 5, 2, 100]] as const;
    gateway.workflows.progressOf.set(id, { startedAt, round: 2, counts, bytes: 100, nextSeq: 0, recent });

    const { body } = await gateway.client.get(`/api/2026-05/imports/${id}`);

    expect(body).toEqual({
      id,
      kind: 'file',
      systemName: 's',
      state: 'started',
      finished: false,
      createdAt: ISO,
      startedAt: ISO,
      finishedAt: null,
      counts,
      bytes: 100,
      rate: { itemsPerSecond: expect.any(Number) as unknown, bytesPerSecond: expect.any(Number) as unknown },
      etaSeconds: expect.any(Number) as unknown,
      round: 2,
      priority: 3,
      failures: [],
      actions: [],
      waitingFor: [],
      workflow: workflow(id),
      links: links(id),
    });
  });

  it('cannot tell when an import ends in which nothing was settled in the last minute', async () => {
    const id = await anImport();
    const startedAt = new Date(Date.now() - 600_000).toISOString();
    const counts = { total: 3, open: 2, success: 1, skipped: 0, failed: 0 };
    const settledAt = Date.now() / 1_000 - 300;
    gateway.workflows.progressOf.set(id, {
      ...{ startedAt, round: 5, counts, bytes: 100, nextSeq: 0, recent: [[settledAt, 1, 100]] },
    });

    const { body } = await gateway.client.get(`/api/2026-05/imports/${id}`);

    expect(body).toMatchObject({ rate: { itemsPerSecond: 0, bytesPerSecond: 0 }, etaSeconds: null });
  });

  it('shows which hosts the import waits for, and until when', async () => {
    const id = await anImport();
    const counts = { total: 3, open: 3, success: 0, skipped: 0, failed: 0 };
    const until = new Date(Date.now() + 60_000).toISOString();
    const waitingFor = [{ host: 'cdn.example.com', until, items: 2 }];
    gateway.workflows.progressOf.set(id, {
      ...{ startedAt: new Date().toISOString(), round: 1, counts, bytes: 0, nextSeq: 0, waitingFor },
    });

    const { body } = await gateway.client.get(`/api/2026-05/imports/${id}`);

    expect(body).toMatchObject({ waitingFor });
  });

  it('shows open items that failed an attempt beside the failed ones, by code and host', async () => {
    const id = await anImport();
    const { items } = gateway.store;
    const later = new Date(Date.now() + 600_000);
    for (const seq of [0, 1])
      await items.recordAttempt(id, seq, anAttempt({ code: 'http_5xx' }), 'The source answered 500', later);
    await items.settle({ batchId: id, seq: 2, state: 'failed', code: 'http_404', reason: 'The source answered 404' });
    const counts = { total: 3, open: 2, success: 0, skipped: 0, failed: 1 };
    gateway.workflows.progressOf.set(id, {
      ...{ startedAt: new Date().toISOString(), round: 1, counts, bytes: 0, nextSeq: 0 },
    });

    const { body } = await gateway.client.get(`/api/2026-05/imports/${id}`);

    const host = 'cdn.example.com';
    expect(body).toMatchObject({
      failures: [
        {
          ...{ code: 'http_5xx', host, count: 2, open: 2, retryable: true },
          samples: [
            { seq: 0, externalId: 'a', reason: 'The source answered 500' },
            { seq: 1, externalId: 'b', reason: 'The source answered 500' },
          ],
        },
        { code: 'http_404', host, count: 1, open: 0, retryable: false, samples: [{ seq: 2 }] },
      ],
    });
  });

  it.each([
    [1, 'public-api:write priority:urgent', 1],
    [2, 'public-api:write priority:urgent', 2],
    [5, 'public-api:write priority:urgent', 5],
    // Without the scope nothing passes the imports of other projects; it is taken all the same.
    [1, 'public-api:write', 3],
    [2, 'public-api:write', 3],
    [4, 'public-api:write', 4],
  ])(
    'starts an import of priority %i, posted with the scope %s, with %i, and shows that',
    async (priority, scope, as) => {
      const client = await gateway.clientOf({ scope });
      const json = { systemName: 's', files: [anItem('urgent')], priority };
      const lines = `url,id,fileName\nhttps://cdn.example.com/a.bin,a,a\n`;

      const answers = [
        await client.post('/api/v1/import/files', json),
        await client.post(`/api/v1/import/files?systemName=s&priority=${priority}`, lines, {
          headers: { 'content-type': 'text/csv' },
        }),
      ];

      for (const { status, body } of answers) {
        expect(status).toBe(200);
        const { id } = body as { id: string };
        expect((await client.get(`/api/v1/imports/${id}`)).body).toMatchObject({ id, priority: as });
        expect(gateway.workflows.started.find(({ batchId }) => batchId === id)?.priority).toBe(as);
      }
    },
  );

  it.each([0, 6, 2.5, '1', null])('refuses %j as a priority', async (priority) => {
    const request = { systemName: 's', files: [anItem('a')], priority };

    const { status, body } = await gateway.client.post('/api/v1/import/files', request);

    expect(status).toBe(400);
    expect(Object.keys((body as { error_details: object }).error_details)).toEqual(['priority']);
  });

  it('shows a finished import with its failures by code and host', async () => {
    const id = await anImport();
    await settleThree(gateway.store, id, 'application/pdf');

    const { body } = await gateway.client.get(`/api/2026-05/imports/${id}`);

    expect(body).toMatchObject({
      state: 'success',
      finished: true,
      finishedAt: ISO,
      counts: { total: 3, open: 0, success: 1, skipped: 1, failed: 1 },
      bytes: 20,
      etaSeconds: 0,
      failures: [
        {
          code: 'http_404',
          host: 'cdn.example.com',
          count: 1,
          open: 0,
          retryable: false,
          hint: 'Correct the URL',
          samples: [{ seq: 2, externalId: 'c', reason: 'The source answered 404' }],
        },
      ],
    });
  });

  it('shows who did what to it, when and why, the last thing last', async () => {
    const id = await anImport();
    const { actions } = gateway.store;
    const target = `import:${id}` as const;
    const at = new Date();
    for (const [action, reason] of [
      ['pause', 'The source asked for it'],
      ['resume', undefined],
    ] as const) {
      const by = { jti: 'token-1', ...(reason !== undefined && { name: 'ops' }) };
      const begun = await actions.begin({ projectId: 'p1', target, action, by, at, ...(reason && { reason }) });
      if (begun.outcome !== 'new') throw new Error('The action was not begun');
      await actions.complete(begun.id, null, true);
    }

    const { body } = await gateway.client.get(`/api/2026-05/imports/${id}`);

    expect((body as { actions: unknown }).actions).toEqual([
      { at: ISO, by: { name: 'ops', jti: 'token-1' }, action: 'pause', reason: 'The source asked for it' },
      { at: ISO, by: { name: null, jti: 'token-1' }, action: 'resume', reason: null },
    ]);
  });

  it('keeps the failures of an import that has ended, however many there are', async () => {
    const id = await anImport();
    const { items, batches } = gateway.store;
    const failed = { batchId: id, state: 'failed', code: 'http_404', reason: 'The source answered 404' } as const;
    for (const seq of [0, 1, 2]) await items.settle({ ...failed, seq });
    await items.summarizeFailures(id);
    const counts = { success: 0, skipped: 0, failed: 3 };
    await batches.finish('p1', id, { state: 'success', counts, bytes: 0, at: new Date() });
    // Whatever becomes of the items, the summary is what is shown.
    await items.reopen(id, 'http_404');

    const { body } = await gateway.client.get(`/api/2026-05/imports/${id}`);

    const samples = ['a', 'b', 'c'].map((externalId, seq) => ({ seq, externalId, reason: failed.reason }));
    expect(body).toMatchObject({ failures: [{ code: 'http_404', count: 3, atLeast: false, open: 0, samples }] });
  });

  it('shows counts from MongoDB and no run while Temporal is away', async () => {
    const id = await anImport();
    gateway.workflows.isAway = true;

    const { body } = await gateway.client.get(`/api/2026-05/imports/${id}`);
    gateway.workflows.isAway = false;

    expect(body).toMatchObject({
      state: 'started',
      counts: { total: 3, open: 3, success: 0, skipped: 0, failed: 0 },
      round: null,
      workflow: { runId: null, url: `https://temporal.example.com/namespaces/default/workflows/import%2Fp1%2F${id}` },
    });
  });
});
