import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { parseArgs } from 'node:util';
import { createStore } from '../src/store/open-store.js';
import { startGateway } from './gateway-process.js';

/*
 * How a gateway accepts: one batch of many lines that are made while they are sent, in what memory and time; how it is read
 * afterwards; and what POSTs of 1,000 items as JSON cost. No worker runs, so that only the gateway and MongoDB are measured.
 */
const { values } = parseArgs({
  options: {
    items: { type: 'string', default: '1000000' },
    format: { type: 'string', default: 'ndjson' },
    posts: { type: 'string', default: '50' },
  },
});
const items = Number(values.items);
const posts = Number(values.posts);
const say = (line: string): void => void process.stderr.write(`${line}\n`);
const round = (value: number): number => Math.round(value * 10) / 10;
const percentile = (all: readonly number[], share: number): number =>
  all.toSorted((a, b) => a - b)[Math.min(all.length - 1, Math.floor(all.length * share))] ?? Number.NaN;

const itemOf = (name: string) => ({
  url: `https://cdn.example.com/media/2026/11/${name}.mp4?signature=0123456789abcdef`,
  id: name,
  fileName: `${name}.mp4`,
});
const csvOf = (name: string): string => `${Object.values({ ...itemOf(name), title: `Clip ${name}` }).join(',')}\n`;
const jsonOf = (name: string): string => JSON.stringify({ ...itemOf(name), metadata: { title: `Clip ${name}` } });
const isCsv = values.format === 'csv';

const LINES_TOGETHER = 200;
function* lines(): Generator<Uint8Array> {
  const encoder = new TextEncoder();
  yield encoder.encode(isCsv ? 'url,id,fileName,metadata.title\n' : '{"systemName":"bench"}\n');
  for (let from = 0; from < items; from += LINES_TOGETHER) {
    let text = '';
    for (let at = from; at < Math.min(items, from + LINES_TOGETHER); at += 1)
      text += isCsv ? csvOf(`line-${at}`) : `${jsonOf(`line-${at}`)}\n`;
    yield encoder.encode(text);
  }
}

// Lives as long as its channel.
const serverProcess = fork(new URL('../test/servers/test-servers.ts', import.meta.url));
const [servers] = (await once(serverProcess, 'message')) as [{ temporal: string; mongodb: string }];
const database = `bench_${Date.now()}`;
const gateway = await startGateway({ ...servers, database });
const store = await createStore({ url: servers.mongodb, database });
try {
  const authorization = `Bearer ${gateway.token}`;
  const post = async (path: string, type: string, body: unknown): Promise<string> => {
    const init = { method: 'POST', headers: { authorization, 'content-type': type }, body, duplex: 'half' };
    const response = await fetch(`${gateway.api}/api/v1/${path}`, init as RequestInit);
    if (!response.ok) throw new Error(`The gateway answered ${response.status} ${await response.text()}`);
    return ((await response.json()) as { id: string }).id;
  };
  const read = async (path: string): Promise<number> => {
    const startedAt = performance.now();
    const response = await fetch(`${gateway.api}/api/v1/${path}`, { headers: { authorization } });
    await response.body?.pipeTo(new WritableStream());
    return performance.now() - startedAt;
  };
  const times = async (count: number, work: () => Promise<number>): Promise<object> => {
    const all: number[] = [];
    for (let at = 0; at < count; at += 1) all.push(await work());
    return { p50Ms: round(percentile(all, 0.5)), p95Ms: round(percentile(all, 0.95)) };
  };
  const timed = async (work: () => Promise<unknown>): Promise<number> => {
    const startedAt = performance.now();
    await work();
    return performance.now() - startedAt;
  };

  const thousand = (): string => {
    const names = Array.from({ length: 1_000 }, (_, at) => jsonOf(`json-${at}`));
    return `{"systemName":"bench","videos":[${names.join(',')}]}`;
  };
  const body = thousand();
  const postJson = (): Promise<string> => post('import/videos', 'application/json', body);
  // Just-in-time compilation and connections.
  for (let at = 0; at < 10; at += 1) await postJson();
  const json = await gateway.measure(() => times(posts, () => timed(postJson)));
  say(`1,000 items as JSON: ${round(json.cpuMs / posts)} ms of CPU`);

  const query = isCsv ? '?systemName=bench' : '';
  const type = isCsv ? 'text/csv' : 'application/x-ndjson';
  const stream = await gateway.measure(() => post(`import/videos${query}`, type, Readable.from(lines())));
  const id = stream.result;
  say(`${items} lines: ${Math.round(items / stream.seconds)} items/s, at most ${Math.round(stream.peakRssMib)} MiB`);

  const pages = {
    first: await times(20, () => read(`imports/${id}/items`)),
    last: await times(20, () => read(`imports/${id}/items?after=${items - 100}`)),
    byState: await times(5, () => read(`imports/${id}/items?state=open`)),
  };
  await store.items.settleOpen(id, 'cancelled', 'benchmark');
  const counts = { success: 0, skipped: 0, failed: items };
  await store.batches.finish('bench', id, { state: 'success', counts, bytes: 0, at: new Date() });
  const status = await gateway.measure(() => read(`import/videos/status?id=${id}`));
  const removed = await timed(() => store.items.removeAll(id));
  const result = {
    items,
    format: values.format,
    stream: {
      seconds: round(stream.seconds),
      itemsPerSecond: Math.round(items / stream.seconds),
      cpuMsPer1000: round((1000 * stream.cpuMs) / items),
      peakRssMib: Math.round(stream.peakRssMib),
    },
    pages,
    status: { seconds: round(status.seconds), peakRssMib: Math.round(status.peakRssMib) },
    removal: { seconds: round(removed / 1000) },
    json: { posts, cpuMsPer1000: round(json.cpuMs / posts), ...json.result },
  };
  process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
} finally {
  await store.close();
  await gateway.stop();
  serverProcess.disconnect();
}
