import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { SignJWT } from 'jose';
import { anyFreePort } from '../src/local-stack/ports.js';

const CLI = fileURLToPath(new URL('../dist/src/cli.js', import.meta.url));
const TOKEN_SECRET = 'the secret of a benchmark, at least 32 bytes';
const READY_POLL_MS = 200;
/** A peak that lasts shorter than this is a garbage collection. */
const WATCH_MS = 250;

export interface GatewayProcess {
  readonly api: string;
  readonly token: string;
  /** Does the work and tells what the gateway took for it. */
  measure<T>(work: () => Promise<T>): Promise<Cost<T>>;
  stop(): Promise<void>;
}

export interface Cost<T> {
  readonly result: T;
  readonly seconds: number;
  readonly cpuMs: number;
  /** Largest resident set while the work was done. */
  readonly peakRssMib: number;
}

/** The built gateway alone, without a worker: what it accepts stays open. */
export async function startGateway(servers: {
  temporal: string;
  mongodb: string;
  database: string;
}): Promise<GatewayProcess> {
  const [port, metricsPort] = [await anyFreePort(), await anyFreePort()];
  const api = `http://127.0.0.1:${port}`;
  const child = spawn(process.execPath, [CLI, 'gateway'], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...process.env,
      PORT: String(port),
      METRICS_PORT: String(metricsPort),
      TEMPORAL_ADDRESS: servers.temporal,
      MONGODB_URL: servers.mongodb,
      MONGODB_DATABASE: servers.database,
      TOKEN_SECRET,
      RATE_LIMIT: 'off',
      LOG_LEVEL: 'warn',
    },
  });
  const pid = String(child.pid);
  while (!(await isReady(api))) await delay(READY_POLL_MS);
  const payload = { projectId: 'bench', scope: 'public-api:write', name: 'bench', jti: 'bench' };
  const token = new SignJWT(payload).setProtectedHeader({ alg: 'HS256' }).setExpirationTime('1d');

  const cpuMs = async (): Promise<number> => {
    const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
    return 1000 * Number(/^process_cpu_seconds_total (\S+)/m.exec(text)?.[1]);
  };
  const rssMib = async (): Promise<number> =>
    Number((await promisify(execFile)('ps', ['-o', 'rss=', '-p', pid])).stdout) / 1024;

  return {
    api,
    token: await token.sign(new TextEncoder().encode(TOKEN_SECRET)),
    async measure(work) {
      let peakRssMib = 0;
      const watch = setInterval(() => {
        void rssMib().then((now) => (peakRssMib = Math.max(peakRssMib, now)));
      }, WATCH_MS);
      const [cpuBefore, startedAt] = [await cpuMs(), performance.now()];
      try {
        const result = await work();
        const seconds = (performance.now() - startedAt) / 1000;
        peakRssMib = Math.max(peakRssMib, await rssMib());
        return { result, seconds, cpuMs: (await cpuMs()) - cpuBefore, peakRssMib };
      } finally {
        clearInterval(watch);
      }
    },
    async stop() {
      const gone = once(child, 'exit');
      child.kill();
      await gone;
    },
  };
}

async function isReady(api: string): Promise<boolean> {
  try {
    return (await fetch(`${api}/readyz`)).ok;
  } catch {
    return false;
  }
}
