import { Agent, get, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import type { HostileBody } from './hostile-bodies.js';
import type { GatewayProcess } from './spawn.js';
import type { LoopFigures } from './watch-loop.js';

/** Often enough that no delay that matters is missed. */
const PROBE_MS = 10;

/** What became of a hostile body, and of others meanwhile. */
export interface AttackFigures extends LoopFigures {
  /** Of each POST; 0 when its connection was cut. */
  readonly statuses: readonly number[];
  /** The longest that others waited for `/healthz`. */
  readonly healthMs: number;
  readonly tookMs: number;
}

/** Sends a body so many times at once, and measures how long others wait. */
export async function attack(
  gateway: GatewayProcess,
  { type, query = '', isPacked = false, body }: HostileBody,
  { times = 1, project = 'p1' } = {},
): Promise<AttackFigures> {
  const bytes = body();
  const headers = {
    authorization: `Bearer ${await gateway.tokenOf(project)}`,
    'content-type': type,
    ...(isPacked ? { 'content-encoding': 'gzip' } : {}),
  };
  const url = `${gateway.origin}/api/v1/import/videos${query}`;
  await gateway.figures();
  const health = watchHealth(gateway.origin);
  const from = performance.now();
  const statuses = await Promise.all(Array.from({ length: times }, () => post(url, headers, bytes)));
  const tookMs = performance.now() - from;
  const healthMs = await health.stop();
  return { ...(await gateway.figures()), statuses, healthMs, tookMs };
}

function post(url: string, headers: Record<string, string>, bytes: Buffer): Promise<number> {
  return new Promise((resolve) => {
    const sent = request(url, {
      method: 'POST',
      headers: { ...headers, 'content-length': bytes.length },
      agent: false,
    });
    sent.on('response', (response) => {
      response.resume();
      response.on('close', () => {
        sent.destroy();
        resolve(response.statusCode ?? 0);
      });
    });
    sent.on('error', () => {
      resolve(0);
    });
    sent.end(bytes);
  });
}

/** Asks for `/healthz` all the time. */
export function watchHealth(origin: string): { stop(): Promise<number> } {
  const agent = new Agent({ keepAlive: true });
  let worst = 0;
  let isStopped = false;
  const hasStopped = () => isStopped;
  const probe = () =>
    new Promise<void>((resolve) => {
      const at = performance.now();
      const end = () => {
        worst = Math.max(worst, performance.now() - at);
        resolve();
      };
      get(`${origin}/healthz`, { agent }, (response) => {
        response.resume();
        response.on('end', end);
      }).on('error', end);
    });
  const running = (async () => {
    do {
      await probe();
      await pause(PROBE_MS);
    } while (!hasStopped());
  })();
  return {
    async stop() {
      isStopped = true;
      await running;
      agent.destroy();
      return worst;
    },
  };
}
