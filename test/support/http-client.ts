import { request } from 'node:http';

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The parsed body; null when it is not JSON. */
  readonly body: unknown;
}

interface CallOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** A string or bytes go as they are, anything else as JSON. */
  readonly body?: unknown;
}

export interface HttpClient {
  readonly origin: string;
  readonly token: string;
  get(path: string, options?: CallOptions): Promise<Answer>;
  post(path: string, body: unknown, options?: CallOptions): Promise<Answer>;
  /** Whatever method, without adding a token or a content type. */
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
}

/** A client of the API with a token. */
export function createHttpClient(origin: string, token: string): HttpClient {
  const authorization = { authorization: `Bearer ${token}` };
  const json = { 'content-type': 'application/json; charset=utf-8' };
  const call: HttpClient['call'] = async (method, path, { headers = {}, body } = {}) => {
    const bytes = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
    const response = await fetch(`${origin}${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: bytes as string }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, body: parsed(text) };
  };
  return {
    origin,
    token,
    call,
    get: (path, { headers } = {}) => call('GET', path, { headers: { ...authorization, ...headers } }),
    post: (path, body, { headers } = {}) =>
      call('POST', path, { headers: { ...authorization, ...json, ...headers }, body }),
  };
}

/** Sends chunks without announcing their length, and stops when the answer comes. */
export async function postChunked(
  url: string,
  headers: Record<string, string>,
  chunks: Iterable<Buffer>,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const post = request(url, { method: 'POST', headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
      post.destroy();
    });
    post.on('error', reject);
    const iterator = chunks[Symbol.iterator]();
    const send = () => {
      for (let next = iterator.next(); next.done !== true; next = iterator.next()) {
        if (!post.write(next.value)) {
          post.once('drain', send);
          return;
        }
      }
      post.end();
    };
    send();
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}
