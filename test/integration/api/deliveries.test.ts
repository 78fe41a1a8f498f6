import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { createReconciler } from '../../../src/intake/reconcile.js';
import { webhookMessage } from '../../../src/webhook/body.js';
import { aBatch, aProjectId } from '../../support/builders.js';
import { aGateway, type TestGateway } from '../../support/gateway.js';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await aGateway();
});
afterAll(() => gateway.close());

const ended = async (webhook: string | null = 'https://client.example.com/done?key=secret') => {
  const projectId = aProjectId();
  const { batches, deliveries } = gateway.store;
  const { _id } = aBatch();
  await batches.insert(aBatch({ _id, projectId, ...(webhook !== null && { webhook }) }));
  await batches.markAccepted(_id, { itemCount: 1, importSeq: 1 });
  const end = { state: 'success', counts: { success: 1, skipped: 0, failed: 0 }, bytes: 1, at: new Date() } as const;
  const batch = await batches.finish(projectId, _id, end);
  if (batch === null) throw new Error('The batch is gone');
  const message = webhookMessage(batch);
  if (batch.webhook !== undefined) await deliveries.open(message);
  const client = await gateway.clientOf({ projectId, name: 'ops', jti: 'j1' });
  return { batch, message, client, path: `/api/v1/imports/${_id}/deliveries` };
};
const NOW = new Date('2026-01-01T00:00:00Z');
const sentAgain = (batchId: string) => gateway.workflows.delivered.filter((message) => message.batchId === batchId);

describe('GET /api/:v/imports/:id/deliveries', () => {
  it('shows each message with every attempt, without its body and its address', async () => {
    const { message, client, path } = await ended();
    const { deliveries } = gateway.store;
    const failed = { at: NOW, durationMs: 5, status: 503, error: 'http_error' };
    await deliveries.record(message._id, failed, 'pending', new Date(NOW.getTime() + 5_000), 0);

    const { body, text } = await client.get(path);

    expect(body).toEqual({
      items: [
        {
          webhookId: message._id,
          state: 'pending',
          attempts: [{ at: '2026-01-01T00:00:00.000Z', durationMs: 5, status: 503, error: 'http_error' }],
          nextAttemptAt: '2026-01-01T00:00:05.000Z',
        },
      ],
      next: null,
    });
    expect(text).not.toContain('client.example.com');
  });

  it('is read page by page, the first message first', async () => {
    const { batch, message, client, path } = await ended();
    await gateway.store.deliveries.open({ ...message, _id: `msg_${batch._id}_2`, generation: 2 });

    const first = (await client.get(`${path}?limit=1`)).body as { items: object[]; next: string };
    const second = (await client.get(`${path}?limit=1&after=${first.next}`)).body;

    expect(first.items).toMatchObject([{ webhookId: message._id }]);
    expect(second).toMatchObject({ items: [{ webhookId: `msg_${batch._id}_2` }], next: null });
  });

  it('refuses unknown parameters, and knows no import of another project', async () => {
    const { path, client } = await ended();
    const other = await gateway.clientOf({ projectId: aProjectId() });

    expect((await client.get(`${path}?state=pending`)).status).toBe(400);
    expect((await other.get(path)).status).toBe(404);
    expect((await other.post(`${path}/redeliver`, 'no JSON')).status).toBe(404);
  });
});

describe('POST /api/:v/imports/:id/deliveries/redeliver', () => {
  it('sends the latest message again, and tells in the import who asked for it and why', async () => {
    const { batch, message, client, path } = await ended();
    await gateway.store.deliveries.record(message._id, { at: NOW, durationMs: 5, status: 204 }, 'delivered', null, 0);

    const { status, body } = await client.post(`${path}/redeliver`, { reason: 'Lost by the receiver' });

    expect(status).toBe(200);
    expect(body).toMatchObject({ webhookId: message._id, state: 'pending', attempts: [{ status: 204 }] });
    expect(sentAgain(batch._id)).toMatchObject([{ webhookId: message._id, generation: 1, redelivery: 1 }]);
    expect((await client.get(`/api/v1/imports/${batch._id}`)).body).toMatchObject({
      actions: [{ action: 'redeliver', reason: 'Lost by the receiver', by: { name: 'ops', jti: 'j1' } }],
    });
  });

  it('does it once for each Idempotency-Key, quoted or bare, and again without one', async () => {
    const { batch, client, path } = await ended();
    const keyed = (key: string) => client.post(`${path}/redeliver`, {}, { headers: { 'idempotency-key': key } });

    const answers = [await keyed('once'), await keyed('"once"'), await client.post(`${path}/redeliver`, undefined)];

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(sentAgain(batch._id).map(({ redelivery }) => redelivery)).toEqual([1, 2]);
  });

  it('is durable: while Temporal is away the message is open, and the reconciler sends it', async () => {
    const { batch, message, client, path } = await ended();
    gateway.workflows.isAway = true;
    const { status } = await client.post(`${path}/redeliver`, {});
    gateway.workflows.isAway = false;
    expect(status).toBe(200);
    const now = () => new Date(Date.now() + 600_000);
    const { store, workflows } = gateway;
    await createReconciler({ store, workflows, logger: pino({ level: 'silent' }), now }).runOnce();

    expect(sentAgain(batch._id)).toMatchObject([{ webhookId: message._id, redelivery: 1 }]);
  });

  it('refuses an import without a message, a reason that is no text, and a token that may only read', async () => {
    const { client, path, batch } = await ended(null);
    const reader = await gateway.clientOf({ projectId: batch.projectId, scope: 'public-api:read' });

    expect((await client.post(`${path}/redeliver`, {})).status).toBe(409);
    const { status, body } = await client.post(`${path}/redeliver`, { reason: 1, foo: 2 });
    expect([status, Object.keys((body as { error_details: object }).error_details)]).toEqual([400, ['reason', 'foo']]);
    expect((await reader.get(path)).status).toBe(200);
    expect((await reader.post(`${path}/redeliver`, {})).status).toBe(403);
  });
});
