import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { createReconciler } from '../../../src/intake/reconcile.js';
import { eventually } from '../../support/eventually.js';
import { aGateway, type TestGateway } from '../../support/gateway.js';
import { anItem } from '../../support/import-builders.js';

const HEADER_SECRET = 'Bearer canary-of-a-header';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await aGateway();
});
afterAll(() => gateway.close());
beforeEach(() => {
  const { workflows } = gateway;
  for (const list of [workflows.retried, workflows.cancelled, workflows.paused]) list.length = 0;
  Object.assign(workflows, { isAway: false, pauseOutcome: 'changed', retryOutcome: 'told' });
});

interface ImportView {
  readonly id: string;
  readonly state: string;
}

const post = async (path: string, body: unknown = {}, headers: Record<string, string> = {}) => {
  const {
    status,
    body: answer,
    headers: answered,
  } = await gateway.client.post(`/api/v1/imports/${path}`, body, { headers });
  return { status, answer: answer as Record<string, unknown>, headers: answered };
};
const anImport = async (count = 3): Promise<string> => {
  const files = Array.from({ length: count }, (_, seq) => anItem(`f${seq}`));
  const { body } = await gateway.client.post('/api/v1/import/files', { systemName: 's', files });
  return (body as ImportView).id;
};
const fail = (batchId: string, seq: number, code: 'http_404' | 'timeout' = 'http_404') =>
  gateway.store.items.settle({ batchId, seq, state: 'failed', code, reason: 'The source answered 404' });
const finish = (batchId: string, state: 'success' | 'failed', failure?: 'cancelled') =>
  gateway.store.batches.finish('p1', batchId, {
    ...{ state, counts: { success: 0, skipped: 0, failed: 3 }, bytes: 0, at: new Date() },
    ...(failure && { failure }),
  });
/** An import of which all items failed, and which has ended. */
const aFailedImport = async (count = 3): Promise<string> => {
  const id = await anImport(count);
  for (let seq = 0; seq < count; seq += 1) await fail(id, seq, seq === 0 ? 'timeout' : 'http_404');
  await finish(id, 'success');
  gateway.workflows.stateOf.set(id, { state: 'ended', runId: 'run-1', failure: 'vanished' });
  return id;
};
const actionsOf = (id: string) => gateway.store.actions.list('p1', `import:${id}`);
const batchOf = async (id: string) => {
  const batch = await gateway.store.batches.find('p1', id);
  if (batch === null) throw new Error('The import is gone');
  return batch;
};

describe('POST /imports/:id/pause and resume', () => {
  it('answers the import, records who asked and why, and lists no repetition', async () => {
    const id = await anImport();

    const { status, answer } = await post(`${id}/pause`, { reason: 'the source is overloaded' });
    gateway.workflows.pauseOutcome = 'unchanged';
    await post(`${id}/pause`);

    expect(status).toBe(200);
    expect(answer).toMatchObject({ id, finished: false });
    expect(gateway.workflows.paused).toEqual([
      { batchId: id, isPaused: true },
      { batchId: id, isPaused: true },
    ]);
    expect(await actionsOf(id)).toMatchObject([
      { action: 'pause', by: { name: 'test' }, reason: 'the source is overloaded' },
    ]);
  });

  it('shows an import as paused for as long as its workflow has said so', async () => {
    const id = await anImport();
    await gateway.store.batches.markPaused(id, new Date());
    expect((await gateway.client.get(`/api/v1/imports/${id}`)).body).toMatchObject({ state: 'paused' });

    await gateway.store.batches.markPaused(id, null);
    expect((await gateway.client.get(`/api/v1/imports/${id}`)).body).toMatchObject({ state: 'started' });
  });

  it('is a 409 with its state when the import has ended, and a 503 when no worker answers', async () => {
    const ended = await aFailedImport();
    expect(await post(`${ended}/pause`)).toMatchObject({
      status: 409,
      answer: { error_details: { state: 'success' } },
    });

    const running = await anImport();
    gateway.workflows.pauseOutcome = 'no_answer';
    const { status, headers } = await post(`${running}/resume`);
    expect([status, headers.get('retry-after')]).toEqual([503, '5']);
  });

  it('knows no import of another project, whatever the body says', async () => {
    const id = await anImport();
    const other = await gateway.clientOf({ projectId: 'p2' });
    for (const action of ['pause', 'resume', 'cancel', 'retry'])
      expect((await other.post(`/api/v1/imports/${id}/${action}`, '{"foo":')).status).toBe(404);
  });

  it('takes a token that may write only', async () => {
    const reader = await gateway.clientOf({ scope: 'public-api:read' });
    expect((await reader.post(`/api/v1/imports/${await anImport()}/pause`, {})).status).toBe(403);
  });
});

describe('POST /imports/:id/cancel', () => {
  it('asks Temporal to cancel, and answers the ended import', async () => {
    const id = await anImport();
    const answered = post(`${id}/cancel`, { reason: 'wrong list' });
    await eventually('the request to Temporal', () => gateway.workflows.cancelled.includes(id));
    await finish(id, 'failed', 'cancelled');

    expect(await answered).toMatchObject({ status: 200, answer: { state: 'failed' } });
    expect(await post(`${id}/cancel`)).toMatchObject({ status: 200, answer: { state: 'failed' } });
    expect(await actionsOf(id)).toMatchObject([{ action: 'cancel', reason: 'wrong list' }]);
  });

  it('is not lost while Temporal is away: the reconciler asks until the import has ended', async () => {
    const id = await anImport();
    gateway.workflows.isAway = true;
    expect((await post(`${id}/cancel`)).status).toBe(200);
    expect(await post(`${id}/retry`, { all: true })).toMatchObject({ status: 409 });

    gateway.workflows.isAway = false;
    await reconcile(20_000);
    expect(gateway.workflows.cancelled).toEqual([id]);
    await finish(id, 'failed', 'cancelled');
    await reconcile(20_000);
    expect(gateway.workflows.cancelled).toEqual([id]);
  });

  it('is a 409 for an import that ended otherwise', async () => {
    expect(await post(`${await aFailedImport()}/cancel`)).toMatchObject({
      status: 409,
      answer: { error_details: { state: 'success' } },
    });
  });
});

/** One pass of a reconciler whose clocks run ahead. */
async function reconcile(aheadMs: number): Promise<void> {
  const { store, workflows } = gateway;
  const now = () => new Date(Date.now() + aheadMs);
  const aged = { ...store, databaseTime: () => Promise.resolve(now()) };
  await createReconciler({ store: aged, workflows, logger: pino({ level: 'silent' }), now }).runOnce();
}

describe('POST /imports/:id/retry', () => {
  it.each([
    ['body', {}],
    ['codes', { codes: [] }],
    ['all', { all: false }],
    ['codes.0', { codes: ['nonsense'] }],
    ['items.0.seq', { items: [{ seq: 3 }] }],
    ['items.1.seq', { items: [{ seq: 0 }, { seq: 0 }] }],
    ['items.0.url', { items: [{ seq: 0, url: 'http://127.0.0.1/x' }] }],
    ['items.0.foo', { items: [{ seq: 0, foo: 1 }] }],
    ['items.0.headers.Host', { items: [{ seq: 0, headers: { Host: 'a' } }] }],
    ['items.0.headers.a b', { items: [{ seq: 0, headers: { 'a b': 'c' } }] }],
    ['items.0.headers.a', { items: [{ seq: 0, headers: { a: 'x\r\ny: z' } }] }],
    ['items.0.headers.Range', { items: [{ seq: 0, headers: { Range: 'bytes=0-' } }] }],
    ['items.0.headers', { items: [{ seq: 0, headers: { a: 'x'.repeat(5_000) } }] }],
    ['everything', { everything: true }],
  ])('names %s of a body that breaks a rule', async (path, body) => {
    const { status, answer } = await post(`${await aFailedImport()}/retry`, body);
    expect(status).toBe(400);
    expect(Object.keys(answer['error_details'] as object)).toContain(path);
  });

  it('tells what it would do, and changes nothing', async () => {
    const id = await aFailedImport();

    const { status, answer } = await post(`${id}/retry`, { codes: ['http_404'], dryRun: true });

    expect(status).toBe(200);
    const sample = { code: 'http_404', host: 'cdn.example.com', reason: 'The source answered 404' };
    expect(answer).toEqual({
      matched: 2,
      notEligible: [],
      samples: [
        { seq: 1, externalId: 'f1', ...sample },
        { seq: 2, externalId: 'f2', ...sample },
      ],
    });
    expect((await batchOf(id)).state).toBe('success');
    expect(gateway.workflows.retried).toEqual([]);
    expect(await actionsOf(id)).toEqual([]);
  });

  it('matches the items that every given selector names', async () => {
    const id = await aFailedImport();
    const matched = async (body: object) => (await post(`${id}/retry`, { ...body, dryRun: true })).answer['matched'];

    expect(await matched({ all: true })).toBe(3);
    expect(await matched({ hosts: ['CDN.example.com'] })).toBe(3);
    expect(await matched({ externalIds: ['f0', 'f1'], codes: ['http_404'] })).toBe(1);
    expect(await matched({ items: [{ seq: 0 }, { seq: 2 }], codes: ['timeout'] })).toBe(1);
    expect(await matched({ all: true, hosts: ['other.example.com'] })).toBe(0);
  });

  it('counts items that a newer import has superseded apart', async () => {
    const id = await aFailedImport();
    const batch = await batchOf(id);
    const importSeq = await gateway.store.batches.nextImportSeq('p1');
    await gateway.store.media.upsert({
      ...{
        projectId: 'p1',
        kind: 'file',
        mediaType: 'file',
        systemName: 's',
        externalId: 'f1',
        fileName: 'f1',
        metadata: {},
      },
      ...{
        source: { urlSha256: '5'.repeat(64) },
        importId: 'newer',
        importSeq: Math.max(importSeq, batch.importSeq + 1),
      },
      asset: { sha256: 'c'.repeat(64), bytes: 1, mimeType: 'text/plain', lengthVerified: true },
    });

    const { answer } = await post(`${id}/retry`, { all: true, dryRun: true });

    expect(answer).toMatchObject({
      matched: 2,
      notEligible: [{ code: 'http_404', count: 1, why: 'A newer import has written this media since' }],
    });
  });

  it('starts an import that has ended again, under its id, once for each request', async () => {
    const id = await aFailedImport();
    const key = { 'Idempotency-Key': `retry-${id}` };

    const first = await post(`${id}/retry`, { all: true, reason: 'fixed' }, key);
    const second = await post(`${id}/retry`, { all: true, reason: 'fixed' }, key);

    expect(first).toMatchObject({ status: 200, answer: { id, matched: 3, retry: 1 } });
    expect(second.answer).toEqual(first.answer);
    expect(gateway.workflows.retried).toMatchObject([{ batchId: id, retry: 1, itemCount: 3 }]);
    expect(await batchOf(id)).toMatchObject({
      state: 'started',
      reopened: 1,
      retryStart: { number: 1, afterRunId: 'run-1' },
    });
    expect((await gateway.client.get(`/api/v1/import/files/status?id=${id}`)).body).toMatchObject({ finished: false });
    expect(await actionsOf(id)).toMatchObject([{ action: 'retry', reason: 'fixed' }]);
  });

  it('is completed by the reconciler when its gateway dies, or Temporal is away, before the run is started', async () => {
    const id = await aFailedImport();
    gateway.workflows.isAway = true;
    expect(await post(`${id}/retry`, { all: true })).toMatchObject({ status: 200 });
    gateway.workflows.isAway = false;

    const retried = () => gateway.workflows.retried.filter(({ batchId }) => batchId === id);
    await reconcile(1_000);
    expect(retried()).toEqual([]);
    await reconcile(20_000);
    expect(retried()).toMatchObject([{ batchId: id, retry: 1 }]);
    // Between two runs the former one is dead, and the import is not at its end.
    await reconcile(120_000);
    expect((await batchOf(id)).state).toBe('started');

    await gateway.store.retries.complete({ projectId: 'p1', batchId: id, number: 1 });
    const before = retried().length;
    await reconcile(120_000);
    expect(retried()).toHaveLength(before);
  });

  it('is a 409 when nothing matches', async () => {
    expect(await post(`${await aFailedImport()}/retry`, { codes: ['http_5xx'] })).toMatchObject({ status: 409 });
    expect(await post(`${await anImport()}/retry`, { all: true })).toMatchObject({ status: 409 });
  });

  it('tells a running import of its failed items, and shows headers to nobody', async () => {
    const id = await anImport();
    await fail(id, 1);

    const { answer } = await post(`${id}/retry`, { items: [{ seq: 1, headers: { Authorization: HEADER_SECRET } }] });

    expect(answer).toEqual({ id, matched: 1, retry: 1 });
    expect(JSON.stringify(gateway.workflows.retried)).not.toContain('canary');
    for (const path of [`imports/${id}`, `imports/${id}/items`])
      expect((await gateway.client.get(`/api/v1/${path}`)).text).not.toContain('canary');
  });
});
