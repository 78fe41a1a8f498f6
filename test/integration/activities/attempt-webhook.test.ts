import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import { parseAllowList } from '../../../src/egress/addresses.js';
import { createEgress } from '../../../src/egress/create-egress.js';
import { webhookIdOf } from '../../../src/domain/ids.js';
import type { Batch } from '../../../src/domain/import.js';
import { aFetch, anActivityBench, type ActivityBench } from '../../support/activity-bench.js';
import { aSettlement } from '../../support/builders.js';

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

let answer: { status: number; headers?: Record<string, string> };
let received: Received[];
/** Takes requests and never answers. */
let silent: boolean;
/** Limit of an attempt: one that a busy machine keeps, unless a test wants it to pass. */
let webhook: { scheduleMs: number[]; timeoutMs: number };
let receiver: Server;
let bench: ActivityBench;

beforeEach(async () => {
  received = [];
  answer = { status: 204 };
  silent = false;
  webhook = { scheduleMs: [0, 60_000, 120_000], timeoutMs: 45_000 };
  receiver = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      received.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
      if (!silent) response.writeHead(answer.status, answer.headers).end();
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const egress = createEgress({
    allow: parseAllowList(`127.0.0.1/32:${port()}`),
    connectTimeoutMs: 5_000,
    hostMaxConnections: 8,
  });
  bench = await anActivityBench(() => Promise.resolve(aFetch()), { egress, webhook });
});
afterEach(async () => {
  await bench.close();
  receiver.closeAllConnections();
  await new Promise((resolve) => receiver.close(resolve));
});

const port = () => (receiver.address() as AddressInfo).port;

async function finishedBatch(path = '/done') {
  const batch = await bench.batch({ webhook: `http://127.0.0.1:${port()}${path}`, context: { run: 7 } });
  await bench.store.items.settle(aSettlement(batch._id, 0));
  const ref = { projectId: batch.projectId, batchId: batch._id };
  await bench.run('finishBatch', { ...ref, outcome: 'success' });
  const webhookId = webhookIdOf(batch._id, 1);
  const attempt = (number: number) => bench.run('attemptWebhook', { ...ref, webhookId, attempt: number });
  const delivery = async () => (await bench.store.deliveries.listByBatch(ref.projectId, ref.batchId))[0];
  return { batch, webhookId, attempt, delivery };
}

async function endOf({ projectId, _id }: Batch): Promise<string | undefined> {
  return (await bench.store.batches.find(projectId, _id))?.finishedAt?.toISOString();
}

describe('attemptWebhook', () => {
  it('sends the published body, signed so that the standard library verifies it', async () => {
    const { batch, webhookId, attempt, delivery } = await finishedBatch();

    await expect(attempt(1)).resolves.toEqual({ state: 'delivered', delayMs: 0 });

    const [secret = ''] = await bench.store.projects.webhookSecrets(batch.projectId);
    const [message] = received;
    const headers = message?.headers as Record<string, string>;
    expect(new Webhook(secret).verify(message?.body ?? '', headers)).toEqual({
      type: 'import.finished',
      timestamp: await endOf(batch),
      source: 'video-import',
      id: batch._id,
      state: 'success',
      overview: { details: { total: 1, success: 1, skipped: 0, failed: 0 } },
      context: { run: 7 },
    });
    expect(headers['webhook-id']).toBe(webhookId);
    expect(await delivery()).toMatchObject({ state: 'delivered', attempts: [{ status: 204 }] });
  });

  it.each([
    ['file', 'file-import'],
    ['image', 'image-import'],
  ] as const)(
    'tells of a cancelled %s import as failed, without a context that was not given',
    async (kind, source) => {
      const batch = await bench.batch({ kind, webhook: `http://127.0.0.1:${port()}/done` });
      const ref = { projectId: batch.projectId, batchId: batch._id };
      await bench.run('finishBatch', { ...ref, outcome: 'cancelled' });

      await bench.run('attemptWebhook', { ...ref, webhookId: webhookIdOf(batch._id, 1), attempt: 1 });

      expect(JSON.parse(received[0]?.body ?? '')).toEqual({
        type: 'import.finished',
        timestamp: await endOf(batch),
        source,
        id: batch._id,
        state: 'failed',
        overview: { details: { total: 1, success: 0, skipped: 0, failed: 1 } },
      });
    },
  );

  it('gives up a receiver that never answers after its time limit, and comes back later', async () => {
    silent = true;
    webhook.timeoutMs = 1_000;
    const { attempt, delivery } = await finishedBatch();

    const result = await attempt(1);

    expect(result.state).toBe('pending');
    expect(await delivery()).toMatchObject({ attempts: [{ error: 'timeout' }] });
  });

  it('signs with the old and the new secret while a rotation is under way', async () => {
    const { batch, attempt } = await finishedBatch();
    const [old = ''] = await bench.store.projects.webhookSecrets(batch.projectId);
    const fresh = await bench.store.projects.rotateWebhookSecret(batch.projectId);

    await attempt(1);

    const [message] = received;
    for (const secret of [old, fresh])
      expect(new Webhook(secret).verify(message?.body ?? '', message?.headers as Record<string, string>)).toBeTruthy();
  });

  it.each([
    ['a redirect, which is not followed', { status: 302, headers: { location: '/other' } }, 'redirect_refused'],
    ['a client error', { status: 400 }, 'http_error'],
    ['a server error', { status: 500 }, 'http_error'],
  ])('stays pending after %s', async (_what, given, error) => {
    answer = given;
    const { attempt, delivery } = await finishedBatch();

    const result = await attempt(1);

    expect(result.state).toBe('pending');
    expect(result.delayMs).toBeGreaterThanOrEqual(60_000);
    expect(received).toHaveLength(1);
    expect(await delivery()).toMatchObject({ state: 'pending', attempts: [{ status: given.status, error }] });
  });

  it('waits as long as the receiver asks for', async () => {
    answer = { status: 503, headers: { 'retry-after': '600' } };
    const { attempt } = await finishedBatch();

    expect((await attempt(1)).delayMs).toBeGreaterThanOrEqual(600_000);
  });

  it('stops when the receiver says that it is gone', async () => {
    answer = { status: 410 };
    const { attempt } = await finishedBatch();

    await expect(attempt(1)).resolves.toEqual({ state: 'disabled', delayMs: 0 });
  });

  it('is exhausted when the schedule ends, and keeps the same id all along', async () => {
    answer = { status: 500 };
    const { attempt, delivery, webhookId } = await finishedBatch();

    const states = [await attempt(1), await attempt(2), await attempt(3)].map(({ state }) => state);

    expect(states).toEqual(['pending', 'pending', 'exhausted']);
    expect(new Set(received.map(({ headers }) => headers['webhook-id']))).toEqual(new Set([webhookId]));
    expect(await delivery()).toMatchObject({
      state: 'exhausted',
      attempts: [{ status: 500 }, { status: 500 }, { status: 500 }],
    });
  });

  it('sends nothing more once the message is delivered', async () => {
    const { attempt } = await finishedBatch();

    await attempt(1);

    await expect(attempt(2)).resolves.toEqual({ state: 'delivered', delayMs: 0 });
    expect(received).toHaveLength(1);
  });

  it.each([
    ['delivered', 204],
    ['disabled', 410],
    ['exhausted', 500],
  ])('sends a message that is %s again when an operator asks for it, the same byte for byte', async (state, status) => {
    answer = { status };
    const { batch, attempt, delivery, webhookId } = await finishedBatch();
    for (const number of status === 500 ? [1, 2, 3] : [1]) await attempt(number);
    expect(await delivery()).toMatchObject({ state });
    await bench.store.deliveries.redeliver(batch.projectId, batch._id);
    answer = { status: 204 };

    // The workflow of the first delivery, had it waited for its next attempt, does nothing more.
    await expect(attempt(4)).resolves.toEqual({ state: 'exhausted', delayMs: 0 });
    const ref = { projectId: batch.projectId, batchId: batch._id, webhookId };
    const again = await bench.run('attemptWebhook', { ...ref, attempt: 1, redelivery: 1 });

    expect(again).toEqual({ state: 'delivered', delayMs: 0 });
    expect(new Set(received.map(({ body }) => body)).size).toBe(1);
    expect(new Set(received.map(({ headers }) => headers['webhook-id']))).toEqual(new Set([webhookId]));
    expect(await delivery()).toMatchObject({ state: 'delivered', redeliveries: 1 });
  });

  it('goes through the egress door: a refused address is never called', async () => {
    const batch = await bench.batch({ webhook: 'http://127.0.0.2/' });
    await bench.store.items.settle(aSettlement(batch._id, 0));
    const ref = { projectId: batch.projectId, batchId: batch._id };
    await bench.run('finishBatch', { ...ref, outcome: 'success' });

    const result = await bench.run('attemptWebhook', { ...ref, webhookId: webhookIdOf(batch._id, 1), attempt: 1 });

    expect(result.state).toBe('pending');
    const [delivery] = await bench.store.deliveries.listByBatch(ref.projectId, ref.batchId);
    expect(delivery?.attempts).toMatchObject([{ error: 'url_not_allowed' }]);
    expect(delivery?.attempts[0]).not.toHaveProperty('status');
  });
});
