import { freePort, requireFreePort } from './free-port.js';
import type { Progress } from './progress.js';

export interface StackPorts {
  readonly temporal: number;
  readonly temporalUi: number;
  readonly mongodb: number;
  readonly api: number;
  /** Of the gateway; the worker's is one higher. */
  readonly metrics: number;
}

export interface PortWishes {
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
export async function choosePorts({ env, api, metrics, report }: PortWishes): Promise<StackPorts> {
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
