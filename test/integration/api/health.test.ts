import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { aGateway, type TestGateway } from '../../support/gateway.js';

describe('health', () => {
  let gateway: TestGateway;
  const others: TestGateway[] = [];
  beforeAll(async () => {
    gateway = await aGateway();
  });
  afterAll(async () => {
    await Promise.all([gateway, ...others].map((each) => each.close()));
  });

  it('is ready when every server answers', async () => {
    expect((await gateway.client.call('GET', '/healthz')).body).toEqual({ status: 'ok' });
    expect((await gateway.client.call('GET', '/readyz')).body).toEqual({ status: 'ready' });
  });

  it('asks every server once a second, however many ask whether it is ready', async () => {
    let asked = 0;
    const counting = await aGateway({
      replace: ({ store, blobs }) => ({
        blobs: {
          ...blobs,
          ping: () => {
            asked += 1;
            return blobs.ping();
          },
        },
        store,
      }),
    });
    others.push(counting);
    const startedAt = performance.now();

    const answers = await Promise.all(Array.from({ length: 200 }, () => counting.client.call('GET', '/readyz')));

    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(asked).toBeLessThanOrEqual(1 + Math.ceil((performance.now() - startedAt) / 1_000));
  });

  it('keeps the metrics off the port of the API', async () => {
    expect((await gateway.client.call('GET', '/metrics')).status).toBe(404);
  });

  it('names each server that does not answer, and lives on', async () => {
    const broken = await aGateway({
      replace: ({ store, blobs }) => ({
        store: { ...store, ping: () => new Promise<void>(() => undefined) },
        blobs: { ...blobs, ping: () => Promise.reject(new Error('disk full')) },
      }),
    });
    others.push(broken);
    broken.workflows.isAway = true;

    const answer = await broken.client.call('GET', '/readyz');

    expect(answer.status).toBe(503);
    expect(answer.body).toEqual({
      status: 503,
      error: 'Service Unavailable',
      error_details: {
        mongodb: 'MongoDB does not answer',
        temporal: 'Temporal does not answer',
        blobs: 'The blob store cannot be written to',
      },
    });
    expect((await broken.client.call('GET', '/healthz')).status).toBe(200);
  });
});
