import { Connection } from '@temporalio/client';
import type { Config } from '../config.js';
import type { StackPorts } from './ports.js';
import type { Project } from './project.js';
import { logFile } from './spawn-server.js';
import type { Servers } from './start-servers.js';
import { supervise, type Supervisor } from './supervise.js';
import { serviceUnit, type Keep } from './units.js';

/** A service that answers at all answers in milliseconds. */
const PROBE_TIMEOUT_MS = 2_000;

/**
 * Rejects while the gateway cannot be used. The first time it must be ready, servers included; one that comes back while they
 * are away answers that itself, and killing it would not help.
 */
export function createGatewayProbe(api: string): () => Promise<void> {
  let wasReady = false;
  return async () => {
    const path = wasReady ? 'healthz' : 'readyz';
    const response = await fetch(`${api}/${path}`, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    await response.arrayBuffer();
    if (!response.ok) throw new Error(`The gateway answers with status ${response.status}`);
    wasReady = true;
  };
}

export interface WorkerProbe {
  readonly address: string;
  readonly namespace: string;
  readonly taskQueue: string;
  /** For Temporal Cloud; switches TLS on. */
  readonly apiKey?: string | undefined;
}

/** WORKFLOW and ACTIVITY of temporal.api.enums.v1.TaskQueueType. */
const TASK_QUEUE_TYPES: readonly number[] = [1, 2];

/**
 * Rejects until that process polls for work of both types: a worker that is loaded and connected does nothing yet. The SDK
 * names a worker `pid@host`.
 */
export async function probeWorker(pid: number, { address, namespace, taskQueue, apiKey }: WorkerProbe): Promise<void> {
  const connection = await Connection.connect({
    address,
    connectTimeout: PROBE_TIMEOUT_MS,
    ...(apiKey === undefined ? {} : { apiKey, tls: true }),
  });
  try {
    for (const taskQueueType of TASK_QUEUE_TYPES) {
      const { pollers } = await connection.withDeadline(Date.now() + PROBE_TIMEOUT_MS, () =>
        connection.workflowService.describeTaskQueue({
          namespace,
          taskQueue: { name: taskQueue },
          // The enumeration is part of @temporalio/proto, which the SDK keeps to itself.
          // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment
          taskQueueType,
        }),
      );
      if (!pollers.some(({ identity }) => identity?.startsWith(`${pid}@`)))
        throw new Error('The worker does not ask for work yet');
    }
  } finally {
    await connection.close();
  }
}

/** Its drain of 8 s and its farewells to the servers. */
const GATEWAY_GRACE_MS = 12_000;
/** Its activities get 5 s to end and 15 s to be given up; an import goes on after the next start in any case. */
const WORKER_GRACE_MS = 20_000;

export interface ServicesOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly config: Config;
  readonly dataDir: string;
  readonly ports: StackPorts;
  readonly servers: Servers;
  readonly project: Project;
  readonly keep: Keep;
}

export interface Services {
  /** Origin of the API as this machine reaches it. */
  readonly api: string;
  readonly supervisors: Supervisor[];
}

/**
 * Starts gateway and worker and waits until one answers and the other asks for work.
 * @throws Error with the end of the log of the one that did not start; the other is stopped then
 */
export async function startServices(options: ServicesOptions): Promise<Services> {
  const { config, dataDir, ports, servers, keep } = options;
  const api = `http://${reachableHost(config.HOST)}:${ports.api}`;
  const workerProbe = {
    address: servers.temporal,
    namespace: config.TEMPORAL_NAMESPACE,
    taskQueue: config.TEMPORAL_TASK_QUEUE,
    apiKey: config.TEMPORAL_API_KEY,
  };
  const gateway = serviceUnit({
    command: 'gateway',
    graceMs: GATEWAY_GRACE_MS,
    env: gatewayEnvironment(options),
    logFile: logFile(dataDir, 'gateway'),
    probe: createGatewayProbe(api),
  });
  const worker = serviceUnit({
    command: 'worker',
    graceMs: WORKER_GRACE_MS,
    env: workerEnvironment(options),
    logFile: logFile(dataDir, 'worker'),
    probe: (pid) => probeWorker(pid, workerProbe),
  });
  const results = await Promise.allSettled([supervise(gateway, keep('gateway')), supervise(worker, keep('worker'))]);
  const failure = results.find((result) => result.status === 'rejected');
  const supervisors = results.filter((result) => result.status === 'fulfilled').map((result) => result.value);
  if (failure === undefined) return { api, supervisors };
  await Promise.all(supervisors.map((supervisor) => supervisor.stop()));
  throw failure.reason;
}

function gatewayEnvironment(options: ServicesOptions): NodeJS.ProcessEnv {
  const { ports, project } = options;
  return {
    ...sharedEnvironment(options),
    METRICS_PORT: String(ports.metrics),
    ...(project.tokenSecret === null ? {} : { TOKEN_SECRET: project.tokenSecret }),
  };
}

/** The worker handles untrusted bytes and verifies no token: it never gets the signing secret, even when it is set. */
function workerEnvironment(options: ServicesOptions): NodeJS.ProcessEnv {
  const { TOKEN_SECRET: _secret, ...env } = sharedEnvironment(options);
  return { ...env, METRICS_PORT: String(options.ports.metrics + 1) };
}

function sharedEnvironment({ env, dataDir, ports, servers, project }: ServicesOptions): NodeJS.ProcessEnv {
  return {
    ...env,
    DATA_DIR: dataDir,
    PORT: String(ports.api),
    TEMPORAL_ADDRESS: servers.temporal,
    MONGODB_URL: servers.mongodb,
    ...(project.itemHeadersKey === undefined ? {} : { ITEM_HEADERS_KEY: project.itemHeadersKey }),
    ...(servers.ui === null ? {} : { TEMPORAL_UI_URL: servers.ui }),
  };
}

/** What to connect to for something that listens on `host`: a wildcard address is not one. */
function reachableHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}
