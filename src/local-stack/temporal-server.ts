import { Connection } from '@temporalio/client';
import { SEARCH_ATTRIBUTES } from '../temporal/names.js';
import { requireFreePort } from './ports.js';
import { spawnServer, stopServer, waitUntilReady, type ServerProcess } from './spawn-server.js';

export interface TemporalServerOptions {
  /** The Temporal CLI. */
  readonly executable: string;
  readonly port: number;
  /** Without it there is no UI. */
  readonly uiPort?: number;
  /** A SQLite file that outlives the process; without it all is kept in memory. */
  readonly dbFilename?: string;
  readonly namespace: string;
  readonly logFile: string;
  /** Dynamic configuration beside the product's own; tests lower limits with it. */
  readonly dynamicConfig?: Readonly<Record<string, number | boolean>>;
}

export interface TemporalServer extends ServerProcess {
  readonly address: string;
  readonly uiUrl: string | null;
  readonly namespace: string;
}

const LOOPBACK = '127.0.0.1';
/** Measured 1 to 3 s on two idle cores; after a kill -9 it also recovers its write-ahead log. */
const READY_TIMEOUT_MS = 60_000;
const PROBE_TIMEOUT_MS = 2_000;

/** What the product needs of a server; deploy/temporal/dynamic-config.yaml says the same. */
export const DYNAMIC_CONFIG = {
  // Its default of 1 makes concurrent status queries of one workflow fail and back off for seconds.
  'history.MaxBufferedQueryCount': 100,
  // Keeps the order of priority and fairness; the default since 1.31.
  'matching.useNewMatcher': true,
  // Projects take turns on the task queue, however many items each has waiting.
  'matching.enableFairness': true,
  // A shard loads its queues of transfers and timers at most 20 times a second by default, and this server has one shard: each hop of
  // each workflow would wait for a tick of 50 ms.
  'history.transferProcessorMaxPollRPS': 1000,
  'history.timerProcessorMaxPollRPS': 1000,
  // One partition: fairness holds across the whole queue, and a laptop needs no more.
  'matching.numTaskqueueReadPartitions': 1,
  'matching.numTaskqueueWritePartitions': 1,
  // A development server must not ask the internet for newer versions.
  'frontend.enableServerVersionCheck': false,
};

/**
 * Starts the development server; it is not ready yet when this resolves.
 * @throws Error when one of its ports is in use
 */
export async function spawnTemporalServer(options: TemporalServerOptions): Promise<TemporalServer> {
  // Else the one that listens there would be taken for the new one.
  await requireFreePort(options.port, 'TEMPORAL_PORT');
  if (options.uiPort !== undefined) await requireFreePort(options.uiPort, 'TEMPORAL_PORT');
  const server = await spawnServer({ file: options.executable, args: argumentsOf(options), logFile: options.logFile });
  return {
    ...server,
    address: `${LOOPBACK}:${options.port}`,
    uiUrl: options.uiPort === undefined ? null : `http://${LOOPBACK}:${options.uiPort}`,
    namespace: options.namespace,
  };
}

/**
 * Waits until the server knows its namespace.
 * @throws Error with the end of the log when it ends first or is not ready after 60 s
 */
export async function waitForTemporalServer(server: TemporalServer): Promise<void> {
  const { address, namespace } = server;
  await waitUntilReady(server, {
    name: 'The Temporal server',
    timeoutMs: READY_TIMEOUT_MS,
    probe: async () => {
      const connection = await Connection.connect({ address, connectTimeout: PROBE_TIMEOUT_MS });
      try {
        const deadline = Date.now() + PROBE_TIMEOUT_MS;
        await connection.withDeadline(deadline, () => connection.workflowService.describeNamespace({ namespace }));
      } finally {
        await connection.close();
      }
    },
  });
}

/**
 * Starts the development server and waits until it is ready.
 * @throws Error as `waitForTemporalServer` does; the process is gone then
 */
export async function startTemporalServer(options: TemporalServerOptions): Promise<TemporalServer> {
  const server = await spawnTemporalServer(options);
  try {
    await waitForTemporalServer(server);
  } catch (error) {
    await stopServer(server);
    throw error;
  }
  return server;
}

function argumentsOf(options: TemporalServerOptions): string[] {
  const pairs = (flag: string, values: object): string[] =>
    Object.entries(values).flatMap(([key, value]) => [flag, `${key}=${String(value)}`]);
  return [
    ...['server', 'start-dev', '--ip', LOOPBACK, '--port', String(options.port), '--namespace', options.namespace],
    ...['--log-level', 'warn'],
    ...(options.uiPort === undefined ? ['--headless'] : ['--ui-ip', LOOPBACK, '--ui-port', String(options.uiPort)]),
    ...(options.dbFilename === undefined
      ? []
      : [
          ...['--db-filename', options.dbFilename],
          // Readers and the writer do not wait for each other; a commit needs no fsync to survive kill -9.
          ...pairs('--sqlite-pragma', { journal_mode: 'WAL', synchronous: 'NORMAL' }),
        ]),
    ...pairs('--dynamic-config-value', { ...DYNAMIC_CONFIG, ...options.dynamicConfig }),
    ...pairs('--search-attribute', SEARCH_ATTRIBUTES),
  ];
}
