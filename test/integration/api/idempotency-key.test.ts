import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { aGateway, type TestGateway } from '../../support/gateway.js';
import { anItem } from '../../support/import-builders.js';

describe('Idempotency-Key', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await aGateway();
  });
  afterAll(() => gateway.close());

  const body = (id = 'a') => ({ systemName: 's', videos: [anItem(id)] });
  const post = (key: string, content: unknown = body(), plural = 'videos') =>
    gateway.client.post(`/api/v1/import/${plural}`, content, { headers: { 'idempotency-key': key } });

  it('answers the same key and body with the same id and starts one import', async () => {
    const key = randomUUID();

    const first = await post(key);
    const second = await post(key);

    expect(second.body).toEqual(first.body);
    const { id } = first.body as { id: string };
    expect(gateway.workflows.started.filter((input) => input.batchId === id)).toHaveLength(1);
  });

  it('answers the key with another body, or at another route, with 422', async () => {
    const key = randomUUID();
    await post(key);

    const refusal = {
      status: 422,
      error: 'Unprocessable Entity',
      error_details: { 'Idempotency-Key': 'The key was used with another request' },
    };
    expect((await post(key, body('b'))).body).toEqual(refusal);
    expect((await post(key, { systemName: 's', files: [anItem('a')] }, 'files')).body).toEqual(refusal);
  });

  it('answers 409 while the first request is being handled', async () => {
    const key = randomUUID();
    const raced = await Promise.all(Array.from({ length: 8 }, () => post(key)));

    const ids = new Set(raced.filter((answer) => answer.status === 200).map((answer) => answer.text));
    expect(ids.size).toBe(1);
    expect(raced.map((answer) => answer.status).filter((status) => status !== 200 && status !== 409)).toEqual([]);
  });

  it('is not used up by a request that was refused', async () => {
    const key = randomUUID();

    expect((await post(key, { systemName: 's' })).status).toBe(400);
    gateway.workflows.isAway = true;
    expect((await post(key)).status).toBe(503);
    gateway.workflows.isAway = false;
    expect((await post(key)).status).toBe(200);
  });

  it('means nothing to another project', async () => {
    const key = randomUUID();
    const other = await gateway.clientOf({ projectId: 'p2' });
    const first = await post(key);

    const second = await other.post('/api/v1/import/videos', body(), { headers: { 'idempotency-key': key } });

    expect(second.status).toBe(200);
    expect(second.body).not.toEqual(first.body);
  });

  it.each([
    ['255 characters', 'k'.repeat(255), 200],
    ['256 characters', 'k'.repeat(256), 400],
    ['nothing', '', 400],
  ])('with %s', async (_name, key, status) => {
    expect((await post(key)).status).toBe(status);
  });
});
