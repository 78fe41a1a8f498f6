import { execFile, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { SignJWT } from 'jose';
import { anyFreePort } from '../src/local-stack/ports.js';
import { createStore } from '../src/store/open-store.js';
import type { Store } from '../src/store/store.js';
import { quantile } from './figures.js';

const CLI = fileURLToPath(new URL('../dist/src/cli.js', import.meta.url));
const TOKEN_SECRET = 'the secret of a benchmark, at least 32 bytes';
const READY_POLL_MS = 200;
/** How often the resident set is read; a peak that is shorter is a garbage collection. */
const WATCH_MS = 250;
/** Just-in-time compilation and connections. */
const WARM_UP_POSTS = 10;
/** Lines of one chunk: a write to the socket for each line would measure this client. */
const LINES_TOGETHER = 200;

/**
 * How a gateway accepts: one batch of many lines that are made while they are sent, in what memory and time; how it is read
 * afterwards; and the cost of POSTs of 1,000 items as JSON. No worker runs, so that only the gateway and MongoDB are measured.
 */
export async function intake(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      items: { type: 'string', default: '1000000' },
      format: { type: 'string', default: 'ndjson' },
      posts: { type: 'string', default: '50' },
    },
  });
  // Runs as long as its channel is open.
  const serverProcess = fork(new URL('../test/servers/test-servers.ts', import.meta.url));
  const [servers] = (await once(serverProcess, 'message')) as [{ temporal: string; mongodb: string }];
  const database = `bench_${Date.now()}`;
  const gateway = await startGateway({ ...servers, database });
  const store = await createStore({ url: servers.mongodb, database });
  try {
    const options = { items: Number(values.items), posts: Number(values.posts), format: values.format };
    const result = await measureIntake(gateway, store, options);
    process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  } finally {
    await store.close();
    await gateway.stop();
    serverProcess.disconnect();
  }
}

interface IntakeOptions {
  readonly items: number;
  readonly posts: number;
  /** `ndjson` or `csv`. */
  readonly format: string;
}

async function measureIntake(
  gateway: GatewayProcess,
  store: Store,
  { items, posts, format }: IntakeOptions,
): Promise<object> {
  const client = clientOf(gateway);
  const isCsv = format === 'csv';
  const thousand = Array.from({ length: 1_000 }, (_, at) => jsonOf(`json-${at}`));
  const body = `{"systemName":"bench","videos":[${thousand.join(',')}]}`;
  const postJson = (): Promise<string> => client.post('import/videos', 'application/json', body);
  for (let at = 0; at < WARM_UP_POSTS; at += 1) await postJson();
  const json = await gateway.measure(() => times(posts, () => timed(postJson)));
  report(`1,000 items as JSON: ${tenths(json.cpuMs / posts)} ms of CPU`);

  const query = isCsv ? '?systemName=bench' : '';
  const type = isCsv ? 'text/csv' : 'application/x-ndjson';
  const stream = await gateway.measure(() =>
    client.post(`import/videos${query}`, type, Readable.from(linesOf(items, isCsv))),
  );
  const id = stream.result;
  report(`${items} lines: ${Math.round(items / stream.seconds)} items/s, at most ${Math.round(stream.peakRssMib)} MiB`);

  const pages = {
    first: await times(20, () => client.read(`imports/${id}/items`)),
    last: await times(20, () => client.read(`imports/${id}/items?after=${items - 100}`)),
    byState: await times(5, () => client.read(`imports/${id}/items?state=open`)),
  };
  await store.items.settleOpen(id, 'cancelled', 'benchmark');
  const counts = { success: 0, skipped: 0, failed: items };
  await store.batches.finish('bench', id, { state: 'success', counts, bytes: 0, at: new Date() });
  const status = await gateway.measure(() => client.read(`import/videos/status?id=${id}`));
  const removed = await timed(() => store.items.removeAll(id));
  return {
    items,
    format,
    stream: {
      seconds: tenths(stream.seconds),
      itemsPerSecond: Math.round(items / stream.seconds),
      cpuMsPer1000: tenths((1000 * stream.cpuMs) / items),
      peakRssMib: Math.round(stream.peakRssMib),
    },
    pages,
    status: { seconds: tenths(status.seconds), peakRssMib: Math.round(status.peakRssMib) },
    removal: { seconds: tenths(removed / 1000) },
    json: { posts, cpuMsPer1000: tenths(json.cpuMs / posts), ...json.result },
  };
}

/** Requests by plain `fetch`, which streams. */
function clientOf({ api, token }: GatewayProcess) {
  const authorization = `Bearer ${token}`;
  const post = async (path: string, type: string, body: unknown): Promise<string> => {
    const init = { method: 'POST', headers: { authorization, 'content-type': type }, body, duplex: 'half' };
    const response = await fetch(`${api}/api/v1/${path}`, init as RequestInit);
    if (!response.ok) throw new Error(`The gateway answered ${response.status} ${await response.text()}`);
    return ((await response.json()) as { id: string }).id;
  };
  const read = async (path: string): Promise<number> => {
    const startedAt = performance.now();
    const response = await fetch(`${api}/api/v1/${path}`, { headers: { authorization } });
    await response.body?.pipeTo(new WritableStream());
    return performance.now() - startedAt;
  };
  return { post, read };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

async function times(count: number, work: () => Promise<number>): Promise<object> {
  const all: number[] = [];
  for (let at = 0; at < count; at += 1) all.push(await work());
  return { p50Ms: tenths(quantile(all, 0.5)), p95Ms: tenths(quantile(all, 0.95)) };
}

function report(line: string): void {
  process.stderr.write(`${line}\n`);
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}

function itemOf(name: string) {
  return {
    url: `https://cdn.example.com/media/2026/11/${name}.mp4?signature=0123456789abcdef`,
    id: name,
    fileName: `${name}.mp4`,
  };
}

function csvOf(name: string): string {
  return `${Object.values({ ...itemOf(name), title: `Clip ${name}` }).join(',')}\n`;
}

function jsonOf(name: string): string {
  return JSON.stringify({ ...itemOf(name), metadata: { title: `Clip ${name}` } });
}

function* linesOf(items: number, isCsv: boolean): Generator<Uint8Array> {
  const encoder = new TextEncoder();
  yield encoder.encode(isCsv ? 'url,id,fileName,metadata.title\n' : '{"systemName":"bench"}\n');
  for (let from = 0; from < items; from += LINES_TOGETHER) {
    let text = '';
    for (let at = from; at < Math.min(items, from + LINES_TOGETHER); at += 1)
      text += isCsv ? csvOf(`line-${at}`) : `${jsonOf(`line-${at}`)}\n`;
    yield encoder.encode(text);
  }
}

interface GatewayProcess {
  readonly api: string;
  readonly token: string;
  /** Does the work and answers what it cost the gateway. */
  measure<T>(work: () => Promise<T>): Promise<Cost<T>>;
  stop(): Promise<void>;
}

interface Cost<T> {
  readonly result: T;
  readonly seconds: number;
  readonly cpuMs: number;
  /** Largest resident set while the work was done. */
  readonly peakRssMib: number;
}

/** The built gateway alone, without a worker: what it accepts stays open. */
async function startGateway(servers: { temporal: string; mongodb: string; database: string }): Promise<GatewayProcess> {
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
