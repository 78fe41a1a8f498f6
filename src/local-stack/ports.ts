import { once } from 'node:events';
import type { Server } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import type { Progress } from './tools.js';

const LOOPBACK = '127.0.0.1';
/** Enough for many stacks on one machine; beyond it something other than chance takes the ports. */
const PORTS_TRIED = 100;

/** Whether a server could listen on the port of 127.0.0.1 now. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false);
      else reject(error);
    });
    probe.listen({ port, host: LOOPBACK, exclusive: true }, () => {
      probe.close(() => {
        resolve(true);
      });
    });
  });
}

/**
 * The given port if it is free on 127.0.0.1, else the next free one.
 * @param taken ports that were promised to someone who does not listen yet
 * @throws Error when none of the 100 ports from there on is free
 */
export async function freePort(from: number, taken: readonly number[] = []): Promise<number> {
  const end = Math.min(from + PORTS_TRIED, 65_536);
  for (let port = from; port < end; port += 1) {
    if (!taken.includes(port) && (await isPortFree(port))) return port;
  }
  throw new Error(`None of the ports ${from} to ${end - 1} is free`);
}

/**
 * For a port that others were told of and that therefore must not move.
 * @param setting the name of the setting that chooses it, for the message
 * @throws Error when something listens there
 */
export async function requireFreePort(port: number, setting: string): Promise<void> {
  if (!(await isPortFree(port))) throw new Error(`Port ${port} is in use; choose another with ${setting}`);
}

/** A port of 127.0.0.1 that the operating system picks among the free ones. */
export function anyFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen({ port: 0, host: LOOPBACK }, () => {
      const address = probe.address();
      probe.close(() => {
        if (address !== null && typeof address === 'object') resolve(address.port);
        else reject(new Error('The operating system named no port'));
      });
    });
  });
}

export interface LoopbackServer {
  /** Without a slash at its end. */
  readonly origin: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Lets a server listen on a free port of 127.0.0.1. */
export async function listenOnLoopback(server: Server): Promise<LoopbackServer> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    port,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

export interface StackPorts {
  readonly temporal: number;
  readonly temporalUi: number;
  readonly mongodb: number;
  readonly api: number;
  /** Of the gateway; the worker's is one higher. */
  readonly metrics: number;
}

export interface PreferredPorts {
  readonly env: NodeJS.ProcessEnv;
  /** As configured or by default. */
  readonly api: number;
  readonly metrics: number;
  readonly report: Progress;
}

const TEMPORAL_PORT = 7233;
/** As the Temporal CLI has it. */
const UI_OFFSET = 1000;
const MONGODB_PORT = 27017;

/**
 * Chooses the ports of a stack. Ports of servers, and those that were not set, move on to the next free one, which is reported;
 * PORT and METRICS_PORT stay when they were set, because other programs may rely on them.
 * @throws Error that names the setting of a port that is not a port, or is in use and must not move
 */
export async function choosePorts({ env, api, metrics, report }: PreferredPorts): Promise<StackPorts> {
  const taken: number[] = [];
  const next = async (wanted: number, what: string): Promise<number> => {
    const port = await freePort(wanted, taken);
    if (port !== wanted) report(`Port ${wanted} is in use, ${what} takes ${port}`);
    taken.push(port);
    return port;
  };
  const keep = async (wanted: number, setting: string, what: string): Promise<number> => {
    if (!env[setting]) return next(wanted, what);
    await requireFreePort(wanted, setting);
    taken.push(wanted);
    return wanted;
  };

  const apiPort = await keep(api, 'PORT', 'the API');
  const metricsPort = await metricsPair(env, metrics, taken, report);
  const temporal = await next(portOf(env, 'TEMPORAL_PORT', TEMPORAL_PORT), 'Temporal');
  const temporalUi = await next(temporal + UI_OFFSET, 'the Temporal UI');
  const mongodb = await next(portOf(env, 'MONGODB_PORT', MONGODB_PORT), 'MongoDB');
  return { temporal, temporalUi, mongodb, api: apiPort, metrics: metricsPort };
}

/** Two ports in a row: gateway and worker. */
async function metricsPair(env: NodeJS.ProcessEnv, wanted: number, taken: number[], report: Progress): Promise<number> {
  if (env['METRICS_PORT']) {
    await requireFreePort(wanted, 'METRICS_PORT');
    await requireFreePort(wanted + 1, 'METRICS_PORT, the worker takes the one after it');
    taken.push(wanted, wanted + 1);
    return wanted;
  }
  for (let from = wanted; ;) {
    const first = await freePort(from, taken);
    const second = await freePort(first + 1, taken);
    if (second !== first + 1) {
      from = second;
      continue;
    }
    if (first !== wanted) report(`Port ${wanted} or ${wanted + 1} is in use, the metrics take ${first} and ${second}`);
    taken.push(first, second);
    return first;
  }
}

function portOf(env: NodeJS.ProcessEnv, setting: string, fallback: number): number {
  const text = env[setting];
  if (text === undefined || text === '') return fallback;
  const port = Number(text);
  // Room for the UI above.
  if (Number.isInteger(port) && port >= 1 && port <= 65_535 - UI_OFFSET) return port;
  throw new Error(`${setting} must be a port from 1 to ${65_535 - UI_OFFSET}`);
}
