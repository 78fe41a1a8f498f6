import { appendFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MongoClient, type Db } from 'mongodb';
import { startFaultProxy, type FaultProxy } from '../../servers/fault-proxy/fault-proxy.js';
import { startChaosOrigin, type ChaosOrigin } from './chaos-origin.js';
import type { CollectorOptions } from './collector.js';
import { makeCredentials } from './credentials.js';
import { makeBlobFolder } from './disk-trouble.js';
import { freePorts } from './free-ports.js';
import { createSupervision, gatewayOf, mongoOf, temporalOf, workerOf, type Processes } from './processes.js';
import type { Random } from './random.js';
import { ATTEMPTS, DATABASE, serviceEnvironment, TOKEN_SECRET } from './service-environment.js';
import type { Contents } from './source-files.js';
import { startWebhookSink, type WebhookSink } from './webhook-sink.js';

export const LINKS = [
  'worker-origin',
  'worker-mongodb',
  'gateway-mongodb',
  'worker-temporal',
  'gateway-temporal',
] as const;
type LinkName = (typeof LINKS)[number];

/** Everything that a chaos run runs. */
export interface World {
  /** Holds data, blobs and logs. */
  readonly folder: string;
  readonly blobs: string;
  readonly logs: string;
  readonly processes: Processes;
  readonly links: Readonly<Record<LinkName, FaultProxy>>;
  readonly origin: ChaosOrigin;
  readonly sink: WebhookSink;
  /** Origins of the two gateways. */
  readonly apis: readonly string[];
  readonly token: string;
  /** Past the fault proxies. */
  readonly db: Db;
  readonly collector: CollectorOptions;
  /** Attempts an item gets. */
  readonly attempts: number;
  say(line: string): void;
  /** Ends every process; the folder stays. */
  stop(): Promise<void>;
  remove(): void;
}

export interface WorldOptions {
  readonly contents: Contents;
  readonly random: Random;
  readonly say: (line: string) => void;
}

/** Starts servers, fault proxies, two gateways and two workers, and waits until all are ready. */
export async function startWorld(options: WorldOptions): Promise<World> {
  const { contents, random } = options;
  const folder = mkdtempSync(join(tmpdir(), 'durable-import-chaos-'));
  const [blobs, logs] = [join(folder, 'blobs'), join(folder, 'logs')];
  await makeBlobFolder(blobs);
  mkdirSync(logs);
  const logFile = (name: string): string => join(logs, `${name}.log`);
  const report = (line: string): void => {
    appendFileSync(logFile('harness'), `${new Date().toISOString()} ${line}\n`);
  };
  const [temporalPort = 0, mongoPort = 0, ...ports] = await freePorts(2 + LINKS.length + 2 * 4);
  const nextPort = (): number => ports.pop() ?? 0;
  const { start, processes } = createSupervision(report);
  const closers: (() => Promise<unknown>)[] = [() => processes.stop()];
  const stop = async (): Promise<void> => {
    for (const close of closers.splice(0)) await close();
  };

  try {
    const [origin, sink] = await Promise.all([startChaosOrigin(contents), startWebhookSink(random.fork())]);
    closers.push(
      () => origin.close(),
      () => sink.close(),
    );
    const jitter = random.fork();
    const link = async (targetPort: number): Promise<FaultProxy> => {
      const proxy = await startFaultProxy({ targetPort, port: nextPort(), random: () => jitter.unit() });
      closers.push(() => proxy.close());
      return proxy;
    };
    const links: Record<LinkName, FaultProxy> = {
      'worker-origin': await link(origin.port),
      'worker-mongodb': await link(mongoPort),
      'gateway-mongodb': await link(mongoPort),
      'worker-temporal': await link(temporalPort),
      'gateway-temporal': await link(temporalPort),
    };
    await Promise.all([
      temporalOf({ folder, port: temporalPort, logFile: logFile('temporal'), report }).then((unit) =>
        start('temporal', unit),
      ),
      mongoOf({ folder, port: mongoPort, logFile: logFile('mongodb'), report }).then((unit) => start('mongodb', unit)),
    ]);

    const url = `mongodb://127.0.0.1:${mongoPort}/`;
    const { token, webhookSecret } = await makeCredentials(url, DATABASE, TOKEN_SECRET);
    sink.verifyWith(webhookSecret);

    const allowed = [links['worker-origin'].port, sink.port];
    const environment = (side: 'gateway' | 'worker'): NodeJS.ProcessEnv => {
      const [mongodb, temporal] = [links[`${side}-mongodb`].port, links[`${side}-temporal`].port];
      return serviceEnvironment({ folder, blobs, mongodb, temporal, allowed, metrics: nextPort() });
    };
    const gateways = (['gateway-1', 'gateway-2'] as const).map((name) => ({ name, port: nextPort() }));
    await Promise.all([
      ...gateways.map(({ name, port }) =>
        start(name, gatewayOf({ ...environment('gateway'), PORT: String(port) }, logFile(name), port)),
      ),
      ...(['worker-1', 'worker-2'] as const).map((name) =>
        start(name, workerOf(environment('worker'), logFile(name), `127.0.0.1:${temporalPort}`)),
      ),
    ]);

    const mongo = new MongoClient(url);
    closers.unshift(() => mongo.close());
    const apis = gateways.map(({ port }) => `http://127.0.0.1:${port}`);
    const remove = (): void => {
      rmSync(folder, { recursive: true, force: true });
    };
    const db = mongo.db(DATABASE);
    const collector = { mongodb: url, database: DATABASE, blobs };
    return {
      folder,
      blobs,
      logs,
      processes,
      links,
      origin,
      sink,
      apis,
      token,
      db,
      collector,
      attempts: ATTEMPTS,
      say: (line) => {
        options.say(line);
      },
      stop,
      remove,
    };
  } catch (error) {
    options.say(`The logs are in ${logs}`);
    await stop();
    throw error;
  }
}
