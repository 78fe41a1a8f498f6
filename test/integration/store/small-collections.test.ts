import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import type { DeliveryStore } from '../../../src/domain/delivery.js';
import { newBatchId, webhookIdOf } from '../../../src/domain/ids.js';
import type { ProjectStore, TokenStore } from '../../../src/store/store.js';
import { aProjectId, aTokenRecord } from '../../support/builders.js';
import { aTestStore, type TestStore } from '../../support/store.js';

let test: TestStore;
let deliveries: DeliveryStore;
let tokens: TokenStore;
let projects: ProjectStore;

beforeAll(async () => {
  test = await aTestStore();
  ({ deliveries, tokens, projects } = test.store);
});
afterAll(() => test.close());

function aDelivery() {
  const batchId = newBatchId();
  return { _id: webhookIdOf(batchId, 1), projectId: aProjectId(), batchId };
}

describe('deliveries', () => {
  it('opens a message once, however many open it at the same moment', async () => {
    const delivery = aDelivery();

    const opened = await Promise.all(Array.from({ length: 20 }, () => deliveries.open(delivery)));

    const expected = {
      ...delivery,
      ...{ state: 'pending', attempts: [], createdAt: test.now(), unstartedSince: test.now() },
    };
    for (const each of opened) expect(each).toStrictEqual(expected);
    await expect(deliveries.listByBatch(delivery.projectId, delivery.batchId)).resolves.toEqual([expected]);
  });

  it('keeps the body and the generation that a message was opened with first', async () => {
    const delivery = { ...aDelivery(), generation: 2, body: '{"state":"failed"}' };
    await deliveries.open(delivery);

    const opened = await deliveries.open({ ...delivery, generation: 3, body: '{"state":"success"}' });

    expect(opened).toMatchObject({ generation: 2, body: '{"state":"failed"}' });
  });

  it('lists messages whose workflow was not confirmed, oldest first and without their bodies', async () => {
    const [older, newer, attempted, confirmed] = [aDelivery(), aDelivery(), aDelivery(), aDelivery()];
    for (const delivery of [older, attempted, confirmed, newer]) {
      test.advance(1_000);
      await deliveries.open({ ...delivery, body: '{}' });
    }
    test.advance(1_000);
    await deliveries.record(attempted._id, { at: new Date(), durationMs: 5, status: 500 }, 'pending', test.now(), 0);
    await deliveries.markStarted(confirmed._id);
    await deliveries.open(aDelivery());

    const mine = new Set([older, newer, attempted, confirmed].map(({ _id }) => _id));
    const found = (await deliveries.findUnstarted(test.now(), 1_000)).filter(({ _id }) => mine.has(_id));

    expect(found.map(({ _id }) => _id)).toEqual([older._id, newer._id]);
    expect(found[0]).not.toHaveProperty('body');
  });

  it('is left to a workflow when the import could not deliver it, and only then', async () => {
    const [left, taken] = [aDelivery(), aDelivery()];
    for (const delivery of [left, taken]) await deliveries.open(delivery);
    const attempt = { at: new Date(), durationMs: 5 };
    await deliveries.record(left._id, attempt, 'pending', test.now(), 'import');
    await deliveries.record(taken._id, attempt, 'delivered', null, 'import');
    test.advance(1_000);

    const found = (await deliveries.findUnstarted(test.now(), 1_000)).map(({ _id }) => _id);

    expect(found).toContain(left._id);
    expect(found).not.toContain(taken._id);
  });

  it('records attempts in order and the time of the next one', async () => {
    const delivery = aDelivery();
    await deliveries.open(delivery);
    const failed = { at: new Date(1_000), durationMs: 5, error: 'connect_failed' };
    const succeeded = { at: new Date(2_000), durationMs: 7, status: 204 };
    const next = new Date(1_500);

    await deliveries.record(delivery._id, failed, 'pending', next, 0);
    const waiting = await deliveries.open(delivery);
    await deliveries.record(delivery._id, succeeded, 'delivered', null, 0);
    const done = await deliveries.open(delivery);

    expect(waiting).toMatchObject({ state: 'pending', attempts: [failed], nextAttemptAt: next });
    expect(done).toMatchObject({ state: 'delivered', attempts: [failed, succeeded] });
    expect(done).not.toHaveProperty('nextAttemptAt');
  });

  it('lists an attempt once, however often it is recorded', async () => {
    const delivery = aDelivery();
    await deliveries.open(delivery);
    const attempt = { at: new Date(), durationMs: 5, status: 200 };

    await deliveries.record(delivery._id, attempt, 'delivered', null, 0);
    await deliveries.record(delivery._id, attempt, 'delivered', null, 0);

    await expect(deliveries.open(delivery)).resolves.toMatchObject({ attempts: [attempt] });
  });

  it('lists the messages of one batch of one project, oldest first', async () => {
    const delivery = aDelivery();
    await deliveries.open(delivery);
    test.advance(1_000);
    await deliveries.open({ ...delivery, _id: webhookIdOf(delivery.batchId, 2) });

    const listed = await deliveries.listByBatch(delivery.projectId, delivery.batchId);

    expect(listed.map(({ _id }) => _id)).toEqual([1, 2].map((generation) => webhookIdOf(delivery.batchId, generation)));
    await expect(deliveries.listByBatch(aProjectId(), delivery.batchId)).resolves.toEqual([]);
  });
});

describe('tokens', () => {
  it('lists minted tokens of one project or of all, newest first', async () => {
    const projectId = aProjectId();
    const older = aTokenRecord({ projectId, createdAt: new Date(1_000) });
    const newer = aTokenRecord({ projectId, createdAt: new Date(2_000) });
    const other = aTokenRecord();
    await Promise.all([older, newer, other].map((token) => tokens.insert(token)));

    await expect(tokens.list(projectId)).resolves.toEqual([newer, older]);
    await expect(tokens.list()).resolves.toEqual(expect.arrayContaining([older, newer, other]));
  });

  it('revokes once under concurrency', async () => {
    const token = aTokenRecord();
    await tokens.insert(token);
    const at = new Date();

    const before = await tokens.isRevoked(token._id);
    const answers = await Promise.all(Array.from({ length: 10 }, () => tokens.revoke(token._id, at)));

    expect(before).toBe(false);
    expect(answers.filter(Boolean)).toHaveLength(1);
    await expect(tokens.isRevoked(token._id)).resolves.toBe(true);
    await expect(tokens.list(token.projectId)).resolves.toEqual([{ ...token, revokedAt: at }]);
  });

  it('revokes a token that was minted elsewhere, and does not list it', async () => {
    const jti = `elsewhere-${aProjectId()}`;

    await expect(tokens.revoke(jti, new Date())).resolves.toBe(true);
    await expect(tokens.revoke(jti, new Date())).resolves.toBe(false);
    await expect(tokens.isRevoked(jti)).resolves.toBe(true);
    expect((await tokens.list()).map(({ _id }) => _id)).not.toContain(jti);
  });

  it('knows nothing bad of a token that it never saw', async () => {
    await expect(tokens.isRevoked('unknown')).resolves.toBe(false);
  });
});

describe('webhook secrets', () => {
  it('makes one secret for a project, however many ask at the same moment', async () => {
    const projectId = aProjectId();

    const answers = await Promise.all(Array.from({ length: 20 }, () => projects.webhookSecrets(projectId)));

    expect(new Set(answers.map((secrets) => JSON.stringify(secrets))).size).toBe(1);
    expect(answers[0]).toEqual([expect.stringMatching(/^whsec_[A-Za-z0-9+/]{43}=$/)]);
  });

  it('makes secrets that Standard Webhooks libraries take, another one for each project', async () => {
    const [[first = ''], [second = '']] = await Promise.all([
      projects.webhookSecrets(aProjectId()),
      projects.webhookSecrets(aProjectId()),
    ]);

    expect(first).not.toBe(second);
    expect(new Webhook(first).sign('msg_1', new Date(0), '{}')).toMatch(/^v1,/);
  });

  it('keeps the secret before a new one, and drops the one before that', async () => {
    const projectId = aProjectId();
    const [first] = await projects.webhookSecrets(projectId);

    const second = await projects.rotateWebhookSecret(projectId);
    const both = await projects.webhookSecrets(projectId);
    const third = await projects.rotateWebhookSecret(projectId);

    expect(both).toEqual([second, first]);
    await expect(projects.webhookSecrets(projectId)).resolves.toEqual([third, second]);
  });

  it('rotates for a project that has none yet', async () => {
    const projectId = aProjectId();

    const secret = await projects.rotateWebhookSecret(projectId);

    await expect(projects.webhookSecrets(projectId)).resolves.toEqual([secret]);
  });
});
