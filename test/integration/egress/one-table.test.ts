import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import pLimit from 'p-limit';
import { webhookIdOf } from '../../../src/domain/ids.js';
import { aFetch, anActivityBench, type ActivityBench } from '../../support/activity-bench.js';
import { anItemSpec } from '../../support/builders.js';
import { startCanary, type Canary } from '../../support/canary.js';
import { attackInputs } from '../../support/egress-attacks.js';
import { aGateway, type TestGateway } from '../../support/gateway.js';
import { anItem, finish } from '../../support/import-builders.js';
import { guardedSource } from './guarded-source.js';

// Hundreds of batches on a real database.
jest.setTimeout(240_000);

/** Four doors, one table: an item's URL and a webhook, where they are posted and where they are used. */
describe('every refused URL of the table', () => {
  let canary: Canary;
  let gateway: TestGateway;
  let bench: ActivityBench;
  let close: () => Promise<void>;
  let all: readonly unknown[];
  let texts: readonly string[];
  const someAtATime = pLimit(16);

  beforeAll(async () => {
    canary = await startCanary();
    all = attackInputs(canary.port).filter(isJson);
    texts = all.filter((raw) => typeof raw === 'string');
    gateway = await aGateway();
    // Names lead to the canary, so that one which slips through the URL rules is caught out as well.
    const lookup = () => Promise.resolve([{ address: '127.0.0.2', family: 4 }]);
    const guarded = guardedSource(`127.9.9.9/32:${canary.port}`, { lookup });
    bench = await anActivityBench(() => Promise.resolve(aFetch()), guarded);
    close = guarded.close;
  });

  afterAll(async () => {
    await close();
    await Promise.all([gateway.close(), bench.close(), canary.close()]);
  });

  const post = (body: object) => gateway.client.post('/api/v1/import/videos', body);
  const problemsOf = (body: unknown) => (body as { error_details: Record<string, string> }).error_details;

  it('is refused as an item’s URL when it is posted, by name of its place', async () => {
    // 100 problems are the most that one answer holds.
    for (let from = 0; from < all.length; from += 90) {
      const videos = all.slice(from, from + 90).map((url, index) => anItem(`i${index}`, { url }));

      const { status, body } = await post({ systemName: 's', videos });

      expect([status, Object.keys(problemsOf(body))]).toEqual([400, videos.map((_, seq) => `videos.${seq}.url`)]);
    }
    expect(gateway.workflows.started).toEqual([]);
  });

  it('is refused as a webhook when it is posted, without being repeated', async () => {
    const answers = all.map((webhook) =>
      someAtATime(async () => {
        const { status, body } = await post({ systemName: 's', webhook, videos: [anItem('a')] });
        return [status, Object.keys(problemsOf(body)), Object.values(problemsOf(body)).every(isOfRules)];
      }),
    );

    expect(await Promise.all(answers)).toEqual(all.map(() => [400, ['webhook'], true]));
    expect(gateway.workflows.started).toEqual([]);
  });

  it('is refused as an item’s URL when it is fetched, should it ever have been stored', async () => {
    const specs = texts.map((url, seq) => anItemSpec(seq, { url }));
    const { _id: batchId, projectId } = await bench.batch({}, specs);

    for (let fromSeq = 0; fromSeq < specs.length; fromSeq += 50)
      await bench.run('sweepPage', { projectId, batchId, fromSeq, toSeq: fromSeq + 49 });

    const items = await Promise.all(specs.map(({ seq }) => bench.store.items.find(batchId, seq)));
    for (const item of items)
      expect(item).toMatchObject({
        state: 'failed',
        code: 'url_not_allowed',
        reason: 'The address may not be fetched',
      });
    expect(canary.connections).toEqual([]);
  });

  it('is refused as a webhook when it is due, should it ever have been stored', async () => {
    const outcomes = texts.map((webhook) =>
      someAtATime(async () => {
        const { _id: batchId, projectId } = await bench.batch({ webhook, projectId: 'p1' });
        await finish(bench.store, batchId, 'success');
        await bench.run('attemptWebhook', { projectId, batchId, webhookId: webhookIdOf(batchId, 1), attempt: 1 });
        const [delivery] = await bench.store.deliveries.listByBatch(projectId, batchId);
        return delivery?.attempts.map(({ error, status }) => ({ error, status }));
      }),
    );

    expect(await Promise.all(outcomes)).toEqual(texts.map(() => [{ error: 'url_not_allowed', status: undefined }]));
    expect(canary.connections).toEqual([]);
  });
});

function isJson(raw: unknown): boolean {
  if (raw === null || Array.isArray(raw)) return true;
  return typeof raw === 'object'
    ? Object.getPrototypeOf(raw) === Object.prototype
    : /^(s|n|b)/.test(typeof raw) && typeof raw !== 'symbol';
}

/** A sentence about a rule quotes nothing of what it refuses. */
function isOfRules(sentence: string): boolean {
  return /^(The (URL|port|address|host)|Invalid type|Must|Expected)/.test(sentence) && !sentence.includes('//127');
}
