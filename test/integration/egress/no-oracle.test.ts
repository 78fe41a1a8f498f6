import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { webhookIdOf } from '../../../src/domain/ids.js';
import { aFetch, anActivityBench, type ActivityBench } from '../../support/activity-bench.js';
import { anItemSpec } from '../../support/builders.js';
import { startCanary, type Canary } from '../../support/canary.js';
import { createFakeResolver } from '../../support/fake-resolver.js';
import { finish } from '../../support/import-builders.js';
import { guardedSource } from './guarded-source.js';
import { httpAnswer, startRawServer, type RawServer } from '../../servers/raw-server.js';

/** Where nothing ever answers, a connection would be given up after 20 s only. */
const WOULD_HAVE_DIALLED_MS = 10_000;

/** What is behind a refused address: a server, a port that nothing listens on, a host that does not exist. */
const BEHIND = { 'open.example': '127.0.0.2', 'closed.example': '127.0.0.77', 'nothing.example': '10.255.255.1' };
const NAMES = Object.keys(BEHIND);
const ADDRESSES = Object.values(BEHIND);

describe('what a client sees of a refused address', () => {
  let canary: Canary;
  let redirector: RawServer;
  let bench: ActivityBench;
  let close: () => Promise<void>;

  beforeAll(async () => {
    canary = await startCanary();
    redirector = await startRawServer((socket, head) => {
      const [, host = ''] = /^GET \/(\S+)/.exec(head) ?? [];
      socket.write(httpAnswer(302, { location: `http://${host}:${canary.port}/` }));
    });
    const mixed = { 'mixed.example': ['1.1.1.1', '127.0.0.2'], 'nat64.example': ['64:ff9b::7f00:2'] };
    const zone = Object.fromEntries(Object.entries(BEHIND).map(([name, address]) => [name, [address]]));
    const { lookup } = createFakeResolver({ ...zone, ...mixed });
    const allow = `127.9.9.9/32:${canary.port},127.0.0.1/32:${redirector.port}`;
    const guarded = guardedSource(allow, { lookup });
    bench = await anActivityBench(() => Promise.resolve(aFetch()), guarded);
    close = guarded.close;
  });

  afterAll(async () => {
    await close();
    await Promise.all([bench.close(), canary.close(), redirector.close()]);
  });

  /** All that the status and the list of items can show of one item each, but for its times. */
  async function itemsAt(urls: readonly string[]): Promise<unknown[]> {
    const { _id: batchId, projectId } = await bench.batch(
      {},
      urls.map((url, seq) => anItemSpec(seq, { url })),
    );
    const seen: unknown[] = [];
    for (const seq of urls.keys()) {
      await bench.run('importItem', { projectId, batchId, seq });
      const item = await bench.store.items.find(batchId, seq);
      const { at, durationMs = 0, ...attempt } = item?.lastAttempt ?? {};
      expect(at).toBeInstanceOf(Date);
      expect(durationMs).toBeLessThan(WOULD_HAVE_DIALLED_MS);
      seen.push([item?.state, item?.code, item?.reason, item?.attempts, attempt]);
    }
    return seen;
  }

  async function deliveryTo(webhook: string): Promise<unknown> {
    const { _id: batchId, projectId } = await bench.batch({ webhook, projectId: 'p1' });
    await finish(bench.store, batchId, 'success');
    await bench.run('attemptWebhook', { projectId, batchId, webhookId: webhookIdOf(batchId, 1), attempt: 1 });
    const [delivery] = await bench.store.deliveries.listByBatch(projectId, batchId);
    const { at, durationMs = 0, ...attempt } = delivery?.attempts[0] ?? {};
    expect(at).toBeInstanceOf(Date);
    expect(durationMs).toBeLessThan(WOULD_HAVE_DIALLED_MS);
    return [delivery?.state, attempt];
  }

  const sentence = 'The address may not be fetched';

  it('is the same for an open port, a closed one and a host that is not there, behind a name', async () => {
    const seen = await itemsAt(
      [...NAMES, 'mixed.example', 'nat64.example'].map((name) => `http://${name}:${canary.port}/`),
    );

    const refused = ['failed', 'url_not_allowed', sentence, 1, { stage: 'resolve', code: 'url_not_allowed' }];
    expect(seen).toEqual(seen.map(() => refused));
  });

  it('is the same for literal addresses', async () => {
    const seen = await itemsAt(ADDRESSES.map((address) => `http://${address}:${canary.port}/`));

    const refused = ['failed', 'url_not_allowed', sentence, 1, { stage: 'validate', code: 'url_not_allowed' }];
    expect(seen).toEqual(seen.map(() => refused));
  });

  it('is the same behind a redirect', async () => {
    const here = `http://127.0.0.1:${redirector.port}`;

    const literal = await itemsAt(ADDRESSES.map((address) => `${here}/${address}`));
    const named = await itemsAt(NAMES.map((name) => `${here}/${name}`));

    for (const seen of [...literal, ...named])
      expect(seen).toMatchObject([
        'failed',
        'redirect_refused',
        'The redirect led to an address that may not be fetched',
        1,
        { stage: 'headers', code: 'redirect_refused' },
      ]);
    expect([new Set(literal.map(shown)).size, new Set(named.map(shown)).size]).toEqual([1, 1]);
  });

  it('is the same for webhooks', async () => {
    for (const host of [...NAMES, ...ADDRESSES])
      expect(await deliveryTo(`http://${host}:${canary.port}/`)).toEqual(['pending', { error: 'url_not_allowed' }]);
  });

  it('involves no connection', () => {
    expect(canary.connections).toEqual([]);
    expect(canary.listening).toContain(`127.0.0.2:${canary.port}`);
  });
});

function shown(seen: unknown): string {
  return JSON.stringify(seen);
}
