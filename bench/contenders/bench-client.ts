import { Readable } from 'node:stream';
import { Agent, request } from 'undici';

export interface Shown {
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

/** What a benchmark asks of the API: without retries and checks, so that little is measured but the service. */
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
