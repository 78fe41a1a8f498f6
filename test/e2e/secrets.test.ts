import { readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { waitForImport } from '../../src/cli/status.js';
import type { RunFile } from '../../src/local-stack/files.js';
import { createStore, type OpenedStore } from '../../src/store/open-store.js';
import { eventually } from '../support/eventually.js';
import { answers, startOrigin, type Origin } from '../servers/origin-server.js';
import { startStack, type RunningStack } from '../support/running-stack.js';
import { sampleMedia } from '../support/sample-media.js';
import { startWebhookReceiver, type WebhookReceiver } from '../servers/webhook-receiver.js';
import { CANARIES, SECRETS } from './secrets/canaries.js';
import { hostilePaths, startUntrusted, type HostilePath } from './secrets/hostile-paths.js';
import { temporalRecords, type TemporalRecords } from './secrets/temporal-records.js';

jest.setTimeout(400_000);

let origin: Origin;
/** Those of paths that are trouble with their host. */
const ofTheirOwn: Origin[] = [];
let paths: readonly HostilePath[];
let receiver: WebhookReceiver;
/** Answers 500 or redirects, with secrets of its own. */
const rude = createServer((request, response) => {
  const status = request.url?.startsWith('/away') === true ? 302 : 500;
  const location = `http://127.0.0.2/${CANARIES.receiver}`;
  response.writeHead(status, CANARIES.receiver, { location, 'retry-after': CANARIES.receiver }).end(CANARIES.receiver);
});
let rudePort: number;
let untrusted: Awaited<ReturnType<typeof startUntrusted>>;
let closedUrl: string;
let stack: RunningStack;
let run: RunFile;
let temporal: TemporalRecords;
let store: OpenedStore;
let watching: NodeJS.Timeout;

beforeAll(async () => {
  [origin, receiver, untrusted] = await Promise.all([startOrigin(), startWebhookReceiver(), startUntrusted()]);
  await new Promise<void>((resolve) => rude.listen(0, '127.0.0.1', resolve));
  rudePort = (rude.address() as AddressInfo).port;
  // A host is a name or an address, whatever the port.
  let hosts = 10;
  const ofItsOwn = async () => {
    hosts += 1;
    const own = await startOrigin(`127.0.0.${hosts}`);
    ofTheirOwn.push(own);
    return own;
  };
  paths = await hostilePaths(origin, ofItsOwn);
  const closed = await ofItsOwn();
  closedUrl = `${closed.url}/x`;
  await closed.close();
  const ports = [origin.port, receiver.port, rudePort, untrusted.port];
  const allowed = [...ports.map((port) => `127.0.0.1/32:${port}`), ...ofTheirOwn.map(allowing)];
  // Few and quick attempts, so that giving up is part of the run; three are what a file that keeps changing takes.
  stack = await startStack({
    EGRESS_ALLOW: allowed.join(','),
    RETRY_ATTEMPTS: '3',
    RETRY_INITIAL: '10ms',
    RETRY_MAX: '100ms',
    DOWNLOAD_HEADERS_TIMEOUT: '4s',
    DOWNLOAD_IDLE_TIMEOUT: '4s',
    DOWNLOAD_MIN_SPEED: '1KiB',
    DOWNLOAD_MIN_SPEED_WINDOW: '3s',
    DOWNLOAD_MAX_BYTES: '16MiB',
    WEBHOOK_SCHEDULE: '0s,1s',
    LOG_LEVEL: 'debug',
    MEDIA_TYPES_FILE: fileURLToPath(new URL('./secrets/media-types.json', import.meta.url)),
  });
  run = await stack.run();
  temporal = await temporalRecords(run.temporal);
  store = await createStore({ url: run.mongodb, database: stack.env['MONGODB_DATABASE'] ?? 'durable_import' });
  watching = setInterval(() => void temporal.lookAtPending().catch(() => undefined), 300);
});
afterAll(async () => {
  clearInterval(watching);
  await Promise.all([temporal.close(), store.close()]);
  await stack.clear();
  rude.closeAllConnections();
  rude.close();
  await Promise.all([origin, ...ofTheirOwn, receiver, untrusted].map((server) => server.close()));
});

function allowing({ url, port }: Origin): string {
  return `${new URL(url).hostname}/32:${port}`;
}

function anItem(id: string, url: string, metadata: object = { note: CANARIES.metadata }) {
  const fileName = `${CANARIES.fileName}-${id}.txt?token=${CANARIES.fileNameQuery}`;
  return { url: `${url}?token=${CANARIES.query}#${CANARIES.fragment}`, id, fileName, metadata };
}

/** Every answer of the API to requests that it has to refuse. */
async function refusals(): Promise<string> {
  const authorization = `Bearer ${run.token ?? ''}`;
  const post = async (body: unknown, headers: Record<string, string> = {}) => {
    const answer = await fetch(`${run.api}/api/v1/import/files?token=${CANARIES.query}`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    return JSON.stringify([answer.status, [...answer.headers], await answer.text()]);
  };
  const withUserinfo = `http://user:${CANARIES.userinfo}@cdn.example.com/`;
  const item = anItem('a', 'https://cdn.example.com/a');
  const good = { systemName: 's', files: [item] };
  return (
    await Promise.all([
      post({ systemName: 's', webhook: withUserinfo, files: [{ ...item, url: withUserinfo }] }),
      post({ ...good, webhook: `ftp://host/${CANARIES.webhookQuery}`, context: { $where: CANARIES.context } }),
      post({ ...good, files: [{ ...item, mediaType: CANARIES.metadata, id: 7, metadata: CANARIES.metadata }] }),
      post(`{"systemName": "${CANARIES.body}" `),
      post(good, { authorization: `Bearer ${CANARIES.token}` }),
      post(good, { authorization: `Basic ${CANARIES.token}` }),
      post(good, { 'content-type': `text/${CANARIES.contentType}` }),
      post(good, { 'idempotency-key': CANARIES.key.repeat(100) }),
    ])
  ).join('\n');
}

/** Logs of all processes, metrics of both, and the database file of Temporal as it lies on the disk. */
async function placesOfProcesses(): Promise<Record<string, string>> {
  const logs = join(stack.dataDir, 'logs');
  const files = [
    ...readdirSync(logs).map((name) => join(logs, name)),
    ...readdirSync(stack.dataDir)
      .filter((name) => name.startsWith('temporal.db'))
      .map((name) => join(stack.dataDir, name)),
  ];
  const ports = [1, 2].map((offset) => Number(stack.env['PORT']) + offset);
  const metrics = ports.map(async (port) => (await fetch(`http://127.0.0.1:${port}/metrics`)).text());
  return {
    ...Object.fromEntries(files.map((file) => [file, readFileSync(file, 'latin1')])),
    gatewayMetrics: (await metrics[0]) ?? '',
    workerMetrics: (await metrics[1]) ?? '',
    // `start` says its token and webhook secret, and nothing else of the kind.
    output: stack
      .output()
      .replaceAll(run.token ?? '', '')
      .replaceAll(run.webhookSecret, ''),
  };
}

describe('what clients and origins entrust to the service', () => {
  it('is in no log, metric, answer or Temporal record after a run with every kind of failure', async () => {
    const ends = new Map<string, string>(paths.map(({ path, end }) => [path, end]));
    const client = await stack.client();
    const shared = { systemName: 'secrets', context: { note: CANARIES.context } };
    const files = [
      ...paths.map(({ path, url }) => anItem(path, url)),
      anItem('closed', closedUrl),
      anItem('untrusted', `https://127.0.0.1:${untrusted.port}/x`),
      anItem('unknown', 'https://unknown.example.com/x'),
      anItem('metadata', `${origin.url}/good`, { note: CANARIES.metadata, pages: CANARIES.metadata }),
    ];
    for (const [id, end] of [
      ['closed', 'connect_failed'],
      ['untrusted', 'tls_failed'],
      ['unknown', 'dns_failed'],
      ['metadata', 'metadata_invalid'],
    ] as const)
      ends.set(id, end);

    const webhook = `${receiver.url}?token=${CANARIES.webhookQuery}`;
    const id = await client.submit('files', { ...shared, webhook, files });
    const status = await waitForImport({ client, plural: 'files', id, pollMs: 200 });
    // The pair of a file that is there already.
    origin.route('/picture', answers.file(sampleMedia('picture.gif').body, { type: 'image/gif' }));
    const images = [anItem('good', `${origin.url}/picture`)];
    const rudely = [`http://127.0.0.1:${rudePort}/`, `http://127.0.0.1:${rudePort}/away`];
    const others = await Promise.all(
      rudely.map((url) => client.submit('images', { ...shared, webhook: `${url}?${CANARIES.webhookQuery}`, images })),
    );
    const conflicts = await Promise.all(
      others.map((other) => waitForImport({ client, plural: 'images', id: other, pollMs: 200 })),
    );
    await receiver.verified(id, run.webhookSecret);
    const projectId = 'default';
    const deliveries = await eventually('deliveries that are over', async () => {
      const logs = await Promise.all([id, ...others].map((one) => store.deliveries.listByBatch(projectId, one)));
      return logs.flat().length === 3 && logs.flat().every(({ state }) => state !== 'pending') && logs;
    });
    const refused = await refusals();

    // The run was what it was meant to be: each failure happened, and the secrets were where they belong.
    const items = (status as unknown as { files: { externalId: string; code?: string; state: string }[] }).files;
    expect(new Map(items.map(({ externalId, code, state }) => [externalId, code ?? state]))).toEqual(ends);
    expect(JSON.stringify(conflicts)).toContain('kind_conflict');
    expect(deliveries.flat().map(({ state }) => state)).toEqual(['delivered', 'exhausted', 'exhausted']);
    const stored = JSON.stringify([
      await store.batches.find(projectId, id),
      await Promise.all(files.map((_file, seq) => store.items.find(id, seq))),
    ]);
    for (const place of ['query', 'fragment', 'context', 'metadata', 'fileName', 'webhookQuery'] as const)
      expect(stored).toContain(CANARIES[place]);
    expect(stored).not.toContain(CANARIES.fileNameQuery);
    const sent = JSON.stringify(origin.requests);
    expect([sent.includes(CANARIES.query), sent.includes(CANARIES.fragment)]).toEqual([true, false]);
    expect(receiver.deliveries[0]?.raw).toContain(CANARIES.context);

    const places: Record<string, string> = {
      statuses: JSON.stringify([status, conflicts]),
      imports: JSON.stringify(await Promise.all([id, ...others].map((one) => client.show(one)))),
      refused,
      // The body of a message is what the client asked to be sent, its context included.
      deliveries: JSON.stringify(deliveries.flat().map(({ body: _sent, ...delivery }) => delivery)),
      temporal: await temporal.everything(),
      ...(await placesOfProcesses()),
    };
    expect(places['temporal']).toContain(`"itemCount":${files.length}`.replaceAll('"', '\\"'));
    expect(places['temporal']).toContain('collect-garbage');
    expect(places['temporal']).toContain('pendingActivities');
    expect(places['workerMetrics']).toContain('durable_import_items_settled_total');
    const own = [run.token ?? '', run.webhookSecret, run.webhookSecret.replace('whsec_', '')];
    const leaks = Object.entries(places).flatMap(([place, text]) =>
      [...SECRETS, ...own].filter((secret) => text.includes(secret)).map((secret) => [place, secret.slice(0, 24)]),
    );
    expect(leaks).toEqual([]);
  });
});
