import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Worker } from '@temporalio/worker';
import { pino } from 'pino';
import { createActivities } from '../../activities/index.js';
import { openBlobStore } from '../../src/blobs/open-blob-store.js';
import { firstPlan, importWorkflowId, type TaskQueueKind } from '../../src/temporal/names.js';
import type { Batch } from '../../src/domain/import.js';
import { defaultMediaTypes } from '../../src/domain/media-types.js';
import type { Source } from '../../src/download/source.js';
import { parseAllowList } from '../../src/egress/addresses.js';
import { createEgress } from '../../src/egress/create-egress.js';
import { garbageLimits } from '../../src/garbage/find.js';
import { createTemporalWorkflows } from '../../src/temporal/client.js';
import type { RetryPolicy } from '../../src/item/attempt.js';
import { createLongSlots } from '../../src/item/single.js';
import { createHostLimiter } from '../../src/host-limits/host-limiter.js';
import { createSource } from '../../src/download/fetch.js';
import { createStore } from '../../src/store/open-store.js';
import { createWorkerMetrics } from '../../src/telemetry/metrics.js';
import { WITHOUT_PROBES, aBatch, anItemSpec } from './builders.js';
import { eventually } from './eventually.js';
import { aTestDatabase } from '../servers/mongo.js';
import { resetWorkflow } from './reset-workflow.js';
import { aTaskQueue, type TestTemporal } from '../servers/temporal.js';
import { startWebhookReceiver, type WebhookReceiver } from '../servers/webhook-receiver.js';
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
  readonly world: FlowWorld;
  readonly taskQueue: string;
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
  finished(withinMs?: number): Promise<number>;
  cancel(): Promise<void>;
  /** Starts the workflow anew from its first task, as an operator does. */
  reset(): Promise<void>;
  /** How many milliseconds after the post each item of the host was settled, and with what code. */
  settled(host: string): Promise<readonly { readonly ms: number; readonly code: string | undefined }[]>;
  terminate(): Promise<void>;
}

/** Where a test departs from the default configuration. */
interface RigOptions {
  readonly retry?: RetryPolicy;
  readonly headersTimeoutMs?: number;
  readonly webhookScheduleMs?: readonly number[];
  /** Encrypts request headers. */
  readonly headersKey?: string;
  /** The task queues that the worker of this process serves; all by default. */
  readonly kinds?: readonly TaskQueueKind[];
}

/** The limits of the default configuration. */
const RETRY = { attempts: 10, initialMs: 1_000, maxMs: 300_000 };
const PLAN = { sweepAbove: 200, sweepPage: 50, hostMaxConcurrent: 16 };

/** What a worker works with in these tests: everything real, over the database and the hosts of a rig. */
export interface FlowWorld {
  readonly mongo: { readonly url: string; readonly database: string };
  readonly blobs: string;
  /** Of 127.0.0.1, where all names lead to. */
  readonly ports: readonly number[];
}

/** The activities of one worker process. @param through wraps the source, for workers that misbehave */
export async function flowActivities(
  { mongo, blobs: folder, ports }: FlowWorld,
  { retry = RETRY, headersTimeoutMs = 30_000, webhookScheduleMs = [0, 60_000], headersKey }: RigOptions = {},
  through: (source: Source) => Source = (source) => source,
) {
  const store = await createStore({ ...mongo, headersKey });
  const blobs = openBlobStore(`file:${folder}`);
  const egress = createEgress({
    allow: parseAllowList(ports.map((port) => `127.0.0.1/32:${port}`).join(',')),
    lookup: () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]),
    connectTimeoutMs: 10_000,
    hostMaxConnections: 8,
  });
  const metrics = createWorkerMetrics();
  const hosts = createHostLimiter({ store: store.hosts, policy: retry, sharedMax: 16, ownMax: 8, metrics });
  const source = createSource({
    egress,
    blobs,
    limits: {
      ...{ headersTimeoutMs, idleTimeoutMs: 60_000, maxRedirects: 5 },
      ...{ minSpeedBytesPerSecond: 16_384, minSpeedWindowMs: 60_000, maxBytes: 50 * 1024 ** 3 },
    },
  });
  const activities = createActivities({
    ...{ store, source: through(source), blobs, egress, hosts, metrics, retry },
    ...{ sweepAbove: PLAN.sweepAbove, sweepPage: PLAN.sweepPage, longPlaces: createLongSlots() },
    ...WITHOUT_PROBES,
    mediaTypes: defaultMediaTypes(),
    webhook: { scheduleMs: webhookScheduleMs, timeoutMs: 15_000 },
    garbage: garbageLimits(90),
    logger: pino({ level: 'silent' }),
  });
  const close = async (): Promise<void> => {
    await hosts.close();
    await egress.close();
    await store.close();
  };
  return { store, activities, close };
}

export async function aFlowRig(temporal: TestTemporal, options: RigOptions = {}): Promise<FlowRig> {
  const database = await aTestDatabase();
  const folder = await mkdtemp(join(tmpdir(), 'flow-'));
  const origin = await startHosts();
  const receiver = await startWebhookReceiver();
  const mongo = { url: database.url, database: database.database };
  const world: FlowWorld = { mongo, blobs: folder, ports: [origin.port, receiver.port] };
  const { store, activities, close } = await flowActivities(world, options);
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
    const [postedAt, postedOn] = [performance.now(), Date.now()];
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
      finished: async (withinMs) => {
        const isFinished = async () => (await store.batches.find(projectId, batchId))?.finishedAt !== undefined;
        await eventually('an end of the import', isFinished, withinMs);
        return since();
      },
      cancel: async () => {
        await handle.cancel();
      },
      reset: async () => {
        await resetWorkflow(temporal, handle.workflowId);
      },
      settled: async (host) => {
        const items = await store.items.list(batchId, { afterSeq: -1, limit: urls.length }, { host });
        const ended = items.filter(({ state }) => state !== 'open');
        return ended.map(({ updatedAt, code }) => ({ ms: updatedAt.getTime() - postedOn, code }));
      },
      terminate: async () => {
        await handle.terminate();
      },
    };
  };

  return {
    workers: await aWorkerProcess(temporal, taskQueue, activities, { kinds: options.kinds }),
    serve: origin.serve,
    urlOf: (host, path) => `http://${host}:${origin.port}/${path}`,
    post,
    receiver,
    world,
    taskQueue,
    close: async () => {
      await receiver.close();
      await close();
      await origin.close();
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
