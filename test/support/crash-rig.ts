import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import pLimit from 'p-limit';
import { openBlobStore } from '../../src/blobs/open-blob-store.js';
import type { Batch } from '../../src/domain/import.js';
import type { BlobStore } from '../../src/blobs/blob-store.js';
import { isPortFree } from '../../src/local-stack/ports.js';
import { createGatewayProbe } from '../../src/local-stack/start-services.js';
import { collectionsOf, type Collections } from '../../src/store/collections.js';
import { eventually } from './eventually.js';
import { aToken, TOKEN_SECRET } from './gateway.js';
import { createHttpClient, type HttpClient } from './http-client.js';
import { aTestDatabase } from '../servers/mongo.js';
import { startOrigin, type Origin } from '../servers/origin-server.js';
import { spawnService, type RunningService } from './running-service.js';
import { startWebhookReceiver, type WebhookReceiver } from '../servers/webhook-receiver.js';

/** The project of the token that `aToken` makes. */
export const PROJECT = 'p1';

/** A file of an import, as it is posted. */
export interface PostedFile {
  readonly url: string;
  readonly id: string;
}

interface Posting {
  /** Idempotency-Key. */
  readonly key?: string;
  readonly webhook?: string;
}

type Command = 'gateway' | 'worker';
type Environment = Readonly<Record<string, string>>;

interface CrashOptions extends Posting {
  /** Of the worker. */
  readonly env?: Environment;
}

/** Origin, receiver, database, blobs and task queue of one test; gateway and worker are processes of their own. */
export interface CrashRig {
  readonly origin: Origin;
  readonly receiver: WebhookReceiver;
  readonly collections: Collections;
  readonly blobs: BlobStore;
  /** What `blobs` is a view of. */
  readonly blobFolder: string;
  readonly temporal: Client;
  readonly taskQueue: string;
  /** Starts the built gateway or worker, and waits until it is ready for work. */
  start(command: Command, env?: Environment): Promise<RunningService>;
  /**
   * Starts a gateway, and a worker that dies at a point; posts an import that leads there and waits for the death. Answers the id
   * of the import. The gateway stays.
   */
  crashWorker(crashAt: string, files: readonly PostedFile[], options?: CrashOptions): Promise<string>;
  /** Of the gateway that was started last. */
  client(): HttpClient;
  /** Posts an import of files and answers what the gateway says. */
  post(files: readonly PostedFile[], posting?: Posting): ReturnType<HttpClient['post']>;
  /** Posts an import of files that is taken, and answers its id. */
  submit(files: readonly PostedFile[], posting?: Posting): Promise<string>;
  /** Waits until the API says that the import has finished, and answers the batch. */
  finished(id: string): Promise<Batch>;
  /** The items of all imports as `externalId state attempts`, in request order. */
  items(): Promise<string[]>;
  /** How often the origin was asked for a path. */
  asked(path: string): number;
}

/** A delivery that died is tried again after 60 s; the rest is for a loaded machine. */
const FINISHED_MS = 300_000;

/**
 * Processes that load at the same time: more only keep each other from it, and the heartbeats of those that have loaded must go
 * out.
 */
const loading = pLimit(2);

/** Runs a story on servers of its own and clears up afterwards, however it ended. */
export async function withCrashRig(story: (rig: CrashRig) => Promise<void>): Promise<void> {
  const [database, origin, receiver, folder, connection] = await Promise.all([
    aTestDatabase(),
    startOrigin(),
    startWebhookReceiver(),
    mkdtemp(join(tmpdir(), 'durable-import-crash-')),
    Connection.connect({ address: temporalAddress() }),
  ]);
  const services: RunningService[] = [];
  const collections = collectionsOf(database.db);
  const blobFolder = join(folder, 'blobs');
  const blobs = openBlobStore(`file:${blobFolder}`);
  const token = await aToken();
  const taskQueue = `test-${randomUUID()}`;
  const allowed = [origin.port, receiver.port].map((port) => `127.0.0.1/32:${port}`);
  let api = '';

  const startService = async (command: Command, env: Environment = {}): Promise<RunningService> => {
    const port = await twoFreePorts();
    const service = spawnService(command, {
      ...process.env,
      PORT: String(port),
      METRICS_PORT: String(port + 1),
      DATA_DIR: folder,
      TEMPORAL_ADDRESS: temporalAddress(),
      TEMPORAL_TASK_QUEUE: taskQueue,
      MONGODB_URL: database.url,
      MONGODB_DATABASE: database.database,
      TOKEN_SECRET,
      EGRESS_ALLOW: allowed.join(','),
      RETRY_INITIAL: '10ms',
      ...env,
    });
    services.push(service);
    await service.loaded();
    if (command === 'gateway') {
      api = `http://127.0.0.1:${port}`;
      const ready = createGatewayProbe(api);
      await eventually('a gateway that is ready', () => ready().then(() => true));
    }
    return service;
  };

  const rig: CrashRig = {
    origin,
    receiver,
    collections,
    blobs,
    blobFolder,
    temporal: new Client({ connection }),
    taskQueue,
    start: (command, env) => loading(() => startService(command, env)),
    async crashWorker(crashAt, files, { env, ...posting } = {}) {
      const [dying] = await Promise.all([rig.start('worker', { ...env, CRASH_AT: crashAt }), rig.start('gateway')]);
      const id = await rig.submit(files, posting);
      await dying.killed();
      return id;
    },
    client: () => createHttpClient(api, token),
    post(files, { key, webhook } = {}) {
      const body = {
        systemName: 'crash',
        ...(webhook !== undefined && { webhook }),
        files: files.map((file) => ({ ...file, fileName: file.id, metadata: {} })),
      };
      const headers: Record<string, string> = key === undefined ? {} : { 'Idempotency-Key': key };
      return rig.client().post('/api/v1/import/files', body, { headers });
    },
    async submit(files, posting) {
      const answer = await rig.post(files, posting);
      if (answer.status !== 200) throw new Error(`The gateway answered ${answer.status} ${answer.text}`);
      return (answer.body as { id: string }).id;
    },
    async finished(id) {
      await eventually(
        `an end of import ${id}`,
        async () => {
          const { body } = await rig.client().get(`/api/v1/import/files/status?id=${id}`);
          return (body as { finished?: boolean }).finished;
        },
        FINISHED_MS,
      );
      const batch = await collections.batches.findOne({ _id: id });
      if (batch === null) throw new Error('The API tells of an import that is not stored');
      return batch;
    },
    async items() {
      const items = await collections.items.find().sort({ _id: 1 }).toArray();
      return items.map(({ externalId, state, attempts }) => `${externalId} ${state} ${attempts}`);
    },
    asked: (path) => origin.requests.filter((request) => request.path === path).length,
  };

  try {
    await story(rig);
  } catch (error) {
    const logs = services.map((service) => service.log().slice(-4_000)).join('\n---\n');
    throw new Error(`The story failed; the ends of the logs:\n${logs}`, { cause: error });
  } finally {
    await Promise.all(services.map((service) => service.kill()));
    await Promise.all([origin.close(), receiver.close(), connection.close(), blobs.close(), database.close()]);
    await rm(folder, { recursive: true, force: true });
  }
}

function temporalAddress(): string {
  const address = process.env['TEST_TEMPORAL_ADDRESS'];
  if (address === undefined) throw new Error('TEST_TEMPORAL_ADDRESS is not set: this project of jest has no servers');
  return address;
}

/** Below those that the system gives to outgoing connections, and far apart: several stories look at the same time. */
function twoFreePorts(): Promise<number> {
  return eventually('two free ports', async () => {
    const port = 10_000 + 2 * Math.floor(Math.random() * 10_000);
    return (await isPortFree(port)) && (await isPortFree(port + 1)) && port;
  });
}
