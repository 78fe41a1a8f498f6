import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Worker } from '@temporalio/worker';
import { pino } from 'pino';
import { createActivities } from '../../activities/index.js';
import { openBlobStore } from '../../src/blobs/open-blob-store.js';
import { firstPlan } from '../../src/contract/first-plan.js';
import type { Batch } from '../../src/contract/batch.js';
import { defaultMediaTypes } from '../../src/contract/media-type-config.js';
import { importWorkflowId } from '../../src/contract/workflow-names.js';
import { parseAllowList } from '../../src/egress/allow-list.js';
import { createEgress } from '../../src/egress/create-egress.js';
import { garbageLimits } from '../../src/garbage/limits.js';
import { createTemporalWorkflows } from '../../src/intake/temporal-workflows.js';
import { createLongPlaces } from '../../src/item/long-places.js';
import { createHostGate } from '../../src/politeness/host-gate.js';
import { createSource } from '../../src/source/create-source.js';
import { createStore } from '../../src/store/connect.js';
import { createWorkerMetrics } from '../../src/telemetry/worker-metrics.js';
import { aBatch, anItemSpec } from './builders.js';
import { eventually } from './eventually.js';
import { aTestDatabase } from './mongo.js';
import { aTaskQueue, type TestTemporal } from './temporal.js';
import { startWebhookReceiver, type WebhookReceiver } from './webhook-receiver.js';
import { aWorkerProcess } from './workflow-worker.js';

/** What a host does with a request: by name of the host and path. */
export type Behaviour = (request: IncomingMessage, response: ServerResponse) => void;

/** Never answers. */
export const SILENT: Behaviour = () => undefined;
/** Twenty kilobytes a second, above the minimum speed, for as long as they are taken. */
export const DRIP: Behaviour = (_request, response) => {
  response.writeHead(200, { 'Content-Type': 'application/octet-stream' });
  const timer = setInterval(() => response.write(Buffer.alloc(2_000, 1)), 100);
  response.on('close', () => {
    clearInterval(timer);
  });
};
/** A small file, another one for each path. */
export const GOOD: Behaviour = (request, response) => {
  response
    .writeHead(200, { 'Content-Type': 'text/plain' })
    .end(`a file at ${request.headers.host ?? ''}${request.url ?? ''}\n`);
};

/** All that an import needs, with the limits of the default configuration: one worker, a real store, real sockets. */
export interface FlowRig {
  readonly workers: readonly Worker[];
  /** Serves a host from now on. All names lead to 127.0.0.1. */
  serve(host: string, behaviour: Behaviour): void;
  /** The URL of an item there. */
  urlOf(host: string, path: string): string;
  /** The system of a client, for webhooks. */
  readonly receiver: WebhookReceiver;
  /** Stores a batch of these URLs and starts its workflow, as the gateway does. */
  post(urls: readonly string[], changes?: Partial<Batch>): Promise<PostedImport>;
  close(): Promise<void>;
}

interface PostedImport {
  readonly batch: Batch;
  /** How many items of these hosts, or of all, are settled in this way. */
  count(state: 'success' | 'failed' | 'open', host?: string): Promise<number>;
  /** Waits until so many items of the host succeeded, and answers how many milliseconds that took since the post. */
  succeeded(host: string, count: number): Promise<number>;
  /** Waits for the end of the import, and answers how many milliseconds that took since the post. */
  finished(): Promise<number>;
  cancel(): Promise<void>;
  terminate(): Promise<void>;
}

/** The limits of the default configuration. */
const RETRY = { attempts: 10, initialMs: 1_000, maxMs: 300_000 };
const PLAN = { sweepAbove: 200, sweepPage: 50, hostMaxConcurrent: 16 };

export async function aFlowRig(temporal: TestTemporal): Promise<FlowRig> {
  const database = await aTestDatabase();
  const store = await createStore({ url: database.url, database: database.database });
  const folder = await mkdtemp(join(tmpdir(), 'flow-'));
  const blobs = openBlobStore(`file:${folder}`);
  const origin = await startHosts();
  const receiver = await startWebhookReceiver();
  const egress = createEgress({
    allow: parseAllowList(`127.0.0.1/32:${origin.port},127.0.0.1/32:${receiver.port}`),
    lookup: () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]),
    connectTimeoutMs: 10_000,
    hostMaxConnections: 8,
  });
  const metrics = createWorkerMetrics();
  const hosts = createHostGate({ store: store.hosts, policy: RETRY, sharedMax: 16, ownMax: 8, metrics });
  const reach = (): void => undefined;
  const source = createSource({
    egress,
    blobs,
    reach,
    limits: {
      ...{ headersTimeoutMs: 30_000, idleTimeoutMs: 60_000, maxRedirects: 5 },
      ...{ minSpeedBytesPerSecond: 16_384, minSpeedWindowMs: 60_000, maxBytes: 50 * 1024 ** 3 },
    },
  });
  const activities = createActivities({
    ...{ store, source, blobs, egress, hosts, metrics, reach, retry: RETRY },
    ...{ sweepAbove: PLAN.sweepAbove, sweepPage: PLAN.sweepPage, longPlaces: createLongPlaces() },
    mediaTypes: defaultMediaTypes(),
    webhook: { scheduleMs: [0, 60_000], timeoutMs: 15_000 },
    garbage: garbageLimits(90),
    logger: pino({ level: 'silent' }),
  });
  const taskQueue = aTaskQueue();
  const workflows = createTemporalWorkflows({ client: temporal.client, taskQueue });

  const post: FlowRig['post'] = async (urls, changes = {}) => {
    const batch = aBatch({ kind: 'file', itemCount: urls.length, ...changes });
    const { _id: batchId, projectId, kind } = batch;
    const specs = urls.map((url, seq) =>
      anItemSpec(seq, { url, host: new URL(url).hostname, mediaType: 'file', fileName: `${seq}.txt` }),
    );
    await store.batches.insert(batch);
    await store.items.insertMany(batch, specs);
    const importSeq = await store.batches.nextImportSeq(projectId);
    await store.batches.markAccepted(batchId, { itemCount: urls.length, importSeq });
    const first = firstPlan(PLAN, urls.length, specs.map(({ host }) => host).slice(0, PLAN.sweepAbove));
    const postedAt = performance.now();
    await workflows.start({ projectId, batchId, kind, itemCount: urls.length, first }, 3);
    const handle = temporal.client.workflow.getHandle(importWorkflowId(projectId, batchId));
    const since = (): number => performance.now() - postedAt;
    const count: PostedImport['count'] = async (state, host) =>
      (await store.items.list(batchId, { afterSeq: -1, limit: urls.length }, { state, ...(host && { host }) })).length;
    return {
      batch,
      count,
      succeeded: async (host, wanted) => {
        await eventually(`${wanted} items of ${host}`, async () => (await count('success', host)) >= wanted);
        return since();
      },
      finished: async () => {
        const isFinished = async () => (await store.batches.find(projectId, batchId))?.finishedAt !== undefined;
        await eventually('an end of the import', isFinished);
        return since();
      },
      cancel: async () => {
        await handle.cancel();
      },
      terminate: async () => {
        await handle.terminate();
      },
    };
  };

  return {
    workers: await aWorkerProcess(temporal, taskQueue, activities),
    serve: origin.serve,
    urlOf: (host, path) => `http://${host}:${origin.port}/${path}`,
    post,
    receiver,
    close: async () => {
      await receiver.close();
      await hosts.close();
      await egress.close();
      await origin.close();
      await store.close();
      await database.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** One server for all hosts, told apart by their names. */
async function startHosts() {
  const behaviours = new Map<string, Behaviour>();
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    const host = (request.headers.host ?? '').split(':')[0] ?? '';
    (behaviours.get(host) ?? GOOD)(request, response);
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    serve: (host: string, behaviour: Behaviour) => {
      behaviours.set(host, behaviour);
    },
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
