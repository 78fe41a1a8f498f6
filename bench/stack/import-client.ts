import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { jobOf, type Run } from '../throughput/contender.js';

/* Imports through the HTTP API, as the benchmarks make them. */

export interface ServiceOptions {
  readonly api: string;
  readonly token: string;
  readonly origin: string;
  readonly run: Run;
  /** How every item has to end. */
  readonly outcome?: 'success' | 'skipped';
}

export interface ServiceRun extends Posted {
  readonly seconds: number;
}

/** The end is taken from the import itself; asking more often would only be work for the gateway. */
const POLL_MS = 250;
/** Ends a hang: 100,000 items of 1 MiB take a quarter of that on a slow disk. */
const WITHIN_MS = 4 * 3_600_000;

/**
 * One import through the HTTP API, from the beginning of the POST to the `finishedAt` of the batch, by the one clock of this
 * machine. Without streamed bodies more than 10,000 items are several imports, posted one after the other.
 * @throws Error when an item did not end as it should
 */
export async function importThroughService(options: ServiceOptions): Promise<ServiceRun> {
  const { api, token, origin, run, outcome = 'success' } = options;
  const client = createBenchClient({ api, token });
  const startedAt = Date.now();
  const posted = await postRun(client, origin, run);
  let ms = 0;
  let ended = 0;
  for (const id of posted.importIds) {
    const shown = await untilFinished(client, id, POLL_MS, WITHIN_MS);
    ended += shown.counts[outcome];
    ms = Math.max(ms, msUntilEnd(startedAt, shown));
  }
  if (ended !== run.items) throw new Error(`${run.items - ended} of ${run.items} items did not end as ${outcome}`);
  return { ...posted, seconds: ms / 1000 };
}

/** Posts the items of a run without waiting for the end of the import. `more` are further keys of the batch, such as `priority`. */
export function postRun(client: BenchClient, origin: string, run: Run, more: object = {}): Promise<Posted> {
  const items = Array.from({ length: run.items }, (_, seq) => {
    const { url, externalId } = jobOf(origin, run, seq);
    return { url, id: externalId, fileName: `${seq}.mp4`, metadata: {} };
  });
  return postItems(client, { systemName: 'bench', ...more }, items);
}

/**
 * Asks until the import has ended.
 * @throws Error when it has not within `withinMs`
 */
export async function untilFinished(client: BenchClient, id: string, pollMs: number, withinMs: number): Promise<Shown> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const shown = await client.show(id);
    if (shown.finished) return shown;
    if (Date.now() > deadline) throw new Error(`The import ${id} had not ended after ${withinMs / 1000} s`);
    await delay(pollMs);
  }
}

/** Milliseconds from `startedAt` (of this machine's clock) to the `finishedAt` of the import. */
export function msUntilEnd(startedAt: number, { finishedAt }: Shown): number {
  return Date.parse(finishedAt ?? '') - startedAt;
}

interface Posted {
  readonly importIds: readonly string[];
  /** How: `JSON`, `NDJSON` or several of JSON. */
  readonly posted: string;
}

/** The most that one JSON body may hold. */
const JSON_ITEMS = 10_000;

/**
 * Posts any number of items: up to 10,000 as JSON, more as one streamed import, and as several imports of JSON where the service
 * does not take such a stream.
 * @throws Error when a body is refused
 */
async function postItems(client: BenchClient, batch: object, items: readonly object[]): Promise<Posted> {
  const postJson = (some: readonly object[]): Promise<string> => client.submit({ ...batch, videos: some });
  if (items.length <= JSON_ITEMS) return { importIds: [await postJson(items)], posted: 'JSON' };

  if (await client.takesLines()) return { importIds: [await client.submitLines([batch, ...items])], posted: 'NDJSON' };
  const importIds: string[] = [];
  for (let from = 0; from < items.length; from += JSON_ITEMS)
    importIds.push(await postJson(items.slice(from, from + JSON_ITEMS)));
  return { importIds, posted: `${importIds.length} × JSON` };
}

interface Shown {
  readonly finished: boolean;
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly counts: Readonly<Record<'total' | 'open' | 'success' | 'skipped' | 'failed', number>>;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

export interface BenchClient {
  /** Any GET below `/api/v1/`. */
  get(path: string): Promise<Answer>;
  /** @throws Error when it is refused */
  submit(body: object): Promise<string>;
  /** Whether the service takes newline-delimited JSON: an empty body is refused for its content, else for its type. */
  takesLines(): Promise<boolean>;
  /** Posts newline-delimited JSON, one object a line, as it is made. @throws Error when it is refused */
  submitLines(lines: readonly object[]): Promise<string>;
  show(id: string): Promise<Shown>;
}

/** Storing 100,000 items that are streamed takes half a minute on a slow disk. */
const TIMEOUT_MS = 300_000;
const UNSUPPORTED_MEDIA_TYPE = 415;
/** Lines of one chunk: a write to the socket for each line would measure this client. */
const LINES_A_CHUNK = 500;

/** Requests of a benchmark: without retries and checks, so that little is measured but the service. */
export function createBenchClient({ api, token }: { api: string; token: string }): BenchClient {
  // A poller that waits for another's connection would be measured as a slow gateway.
  const dispatcher = new Agent({ connections: null, headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS });
  const authorization = `Bearer ${token}`;
  const get = async (path: string): Promise<Answer> => {
    const { statusCode, body } = await request(`${api}/api/v1/${path}`, { dispatcher, headers: { authorization } });
    return { status: statusCode, body: await body.json() };
  };
  const post = async (contentType: string, content: string | Readable): Promise<Answer> => {
    const { statusCode, body } = await request(`${api}/api/v1/import/videos`, {
      method: 'POST',
      dispatcher,
      headers: { authorization, 'content-type': contentType },
      body: content,
    });
    return { status: statusCode, body: await body.json() };
  };
  return {
    get,
    submit: async (body) => idOf(await post('application/json; charset=utf-8', JSON.stringify(body))),
    takesLines: async () => (await post('application/x-ndjson', '')).status !== UNSUPPORTED_MEDIA_TYPE,
    submitLines: async (lines) => idOf(await post('application/x-ndjson', Readable.from(chunksOf(lines)))),
    async show(id) {
      const { status, body } = await get(`imports/${id}`);
      if (status !== 200) throw new Error(`GET /imports/${id} answered ${status}`);
      return body as Shown;
    },
  };
}

function* chunksOf(lines: readonly object[]): Generator<string> {
  for (let from = 0; from < lines.length; from += LINES_A_CHUNK)
    yield lines
      .slice(from, from + LINES_A_CHUNK)
      .map((line) => `${JSON.stringify(line)}\n`)
      .join('');
}

function idOf({ status, body }: Answer): string {
  if (status === 200) return (body as { id: string }).id;
  throw new Error(`The service answered ${status} ${JSON.stringify(body)}`);
}
