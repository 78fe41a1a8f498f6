import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Batch } from '../../../src/domain/import.js';
import { aBatch, aProjectId, itemSpecs } from '../../support/builders.js';
import { eventually } from '../../support/eventually.js';
import { aGateway, type TestGateway } from '../../support/gateway.js';
import type { HttpClient } from '../../support/http-client.js';

/** The longest wait there is: a test that ends before it was not ended by it. */
const LONG = { headers: { prefer: 'respond-async, wait=30' } };
const SHORT = { headers: { prefer: 'wait=1' } };

describe('Prefer: wait', () => {
  const stopping = new AbortController();
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await aGateway({ settings: { maxProjectRequests: 4 }, replace: () => ({ stopping: stopping.signal }) });
  });
  afterAll(() => gateway.close());

  const running = async (): Promise<{ batch: Batch; client: HttpClient }> => {
    const projectId = aProjectId();
    const batch = aBatch({ projectId, itemCount: 2 });
    const { batches, items } = gateway.store;
    await batches.insert(batch);
    await items.insertMany(batch, itemSpecs(2));
    await batches.markAccepted(batch._id, { itemCount: 2, importSeq: 1 });
    await batches.markStarted(batch._id, new Date());
    tell(batch, 2);
    return { batch, client: await gateway.clientOf({ projectId }) };
  };
  const tell = ({ _id }: Batch, open: number) => {
    const counts = { total: 2, open, success: 2 - open, skipped: 0, failed: 0 };
    const startedAt = new Date().toISOString();
    gateway.workflows.progressOf.set(_id, { startedAt, round: 1, counts, bytes: 0, nextSeq: 0 });
  };
  const finish = ({ projectId, _id }: Batch) => {
    const end = { state: 'success', counts: { success: 2, skipped: 0, failed: 0 }, bytes: 0, at: new Date() } as const;
    return gateway.store.batches.finish(projectId, _id, end);
  };
  /** Once the request is being answered, which asks the run. */
  const asked = (before: number) => eventually('a question to the run', () => gateway.workflows.queries > before);

  it('answers the import when its counts have changed', async () => {
    const { batch, client } = await running();
    const before = gateway.workflows.queries;
    const answer = client.get(`/api/v1/imports/${batch._id}`, LONG);
    await asked(before);
    tell(batch, 1);

    const { headers, body } = await answer;

    expect(headers.get('preference-applied')).toBe('wait=30');
    expect(headers.get('retry-after')).toBe('1');
    expect(body).toMatchObject({ state: 'started', counts: { open: 1, success: 1 } });
  });

  it('answers the status when the import has ended, whatever its counts did before', async () => {
    const { batch, client } = await running();
    const before = gateway.workflows.queries;
    const answer = client.get(`/api/v1/import/videos/status?id=${batch._id}`, LONG);
    await asked(before);
    tell(batch, 1);
    await asked(before + 1);
    await finish(batch);

    const { headers, body } = await answer;

    expect(headers.get('preference-applied')).toBe('wait=30');
    expect(headers.get('retry-after')).toBeNull();
    expect(body).toMatchObject({ finished: true, state: 'success' });
  });

  it('answers as it is after the time that was asked for, and at once what has ended', async () => {
    const { batch, client } = await running();
    const path = `/api/v1/imports/${batch._id}`;

    const unchanged = await client.get(path, SHORT);
    await finish(batch);
    const ended = await client.get(path, LONG);

    expect(unchanged.headers.get('preference-applied')).toBe('wait=1');
    expect(unchanged.body).toMatchObject({ finished: false });
    expect(ended.body).toMatchObject({ finished: true });
  });

  it('is not applied to what it does not understand, nor beyond half of the requests of a project', async () => {
    const { batch, client } = await running();
    const path = `/api/v1/imports/${batch._id}`;
    for (const prefer of ['wait=soon', 'return=minimal', 'await=3'])
      expect((await client.get(path, { headers: { prefer } })).headers.get('preference-applied')).toBeNull();

    const answers = await Promise.all([SHORT, SHORT, SHORT].map((options) => client.get(path, options)));

    const applied = answers.filter(({ headers }) => headers.has('preference-applied'));
    expect(applied).toHaveLength(2);
    expect(answers.every(({ status }) => status === 200)).toBe(true);
  });

  it('answers an unknown import at once, and everybody when the gateway is told to stop', async () => {
    const { batch, client } = await running();
    expect((await client.get('/api/v1/imports/abcdefghijkl', LONG)).status).toBe(404);
    expect((await client.get('/api/v1/import/videos/status?id=abcdefghijkl', LONG)).status).toBe(404);
    const before = gateway.workflows.queries;
    const answer = client.get(`/api/v1/imports/${batch._id}`, LONG);
    await asked(before);
    stopping.abort();

    expect((await answer).body).toMatchObject({ finished: false });
  });
});
