import { currentToken, signOut } from '../session.js';
import type {
  Delivery,
  FoundItem,
  Host,
  HostLimit,
  Import,
  ImportSummary,
  Item,
  Kind,
  Media,
  Page,
  RetryPlan,
  RetrySelector,
} from './types.js';

const BASE = '/api/v1';

/** An answer other than success, or none at all (status 0). */
export class RequestFailed extends Error {
  override readonly name = 'RequestFailed';
  constructor(
    readonly status: number,
    message: string,
    /** `error_details` of the API: sentences by dotted path. */
    readonly details: Readonly<Record<string, string>> = {},
  ) {
    super(message);
  }
}

export type Query = Readonly<Record<string, string | number | undefined>>;

function address(path: string, query: Query = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    if (value !== undefined && value !== '') parameters.set(name, String(value));
  const text = parameters.toString();
  return `${BASE}${path}${text === '' ? '' : `?${text}`}`;
}

/** Asks the API and answers the response when it succeeded. @throws RequestFailed; AbortError when the caller has gone */
export async function request(path: string, init: RequestInit & { query?: Query } = {}): Promise<Response> {
  const { query, ...rest } = init;
  const headers = new Headers(rest.headers);
  headers.set('Authorization', `Bearer ${currentToken()}`);
  let response: Response;
  try {
    response = await fetch(address(path, query), { ...rest, headers });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new RequestFailed(0, 'The service does not answer');
  }
  if (response.ok) return response;
  throw await failureOf(response);
}

async function failureOf(response: Response): Promise<RequestFailed> {
  const body = (await response.json().catch(() => ({}))) as { error?: string; error_details?: Record<string, unknown> };
  const details: Record<string, string> = {};
  for (const [path, sentence] of Object.entries(body.error_details ?? {}))
    details[path] = typeof sentence === 'string' ? sentence : JSON.stringify(sentence);
  const sentence = Object.values(details)[0] ?? body.error ?? `The service answered with status ${response.status}`;
  if (response.status === 401) signOut(sentence);
  return new RequestFailed(response.status, sentence, details);
}

async function json<T>(path: string, init: RequestInit & { query?: Query } = {}): Promise<T> {
  return (await request(path, init)).json() as Promise<T>;
}

/** A key that no other request has. Not `randomUUID`, which browsers keep from pages without https. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function post<T>(path: string, body: unknown, method = 'POST'): Promise<T> {
  const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': newKey() };
  return json(path, { method, headers, body: JSON.stringify(body) });
}

const importPath = (id: string, rest = ''): string => `/imports/${encodeURIComponent(id)}${rest}`;
const hostPath = (host: string, verb: string): string => `/hosts/${encodeURIComponent(host)}/${verb}`;
const mediaPath = (id: string): string => `/mediaLibrary/${encodeURIComponent(id)}`;
/** A reason that is blank is not sent. */
const because = (reason: string): { reason?: string } => (reason.trim() === '' ? {} : { reason: reason.trim() });

export const api = {
  imports: (query: Query, signal?: AbortSignal) => json<Page<ImportSummary>>('/imports', { query, ...on(signal) }),
  import: (id: string, signal?: AbortSignal) => json<Import>(importPath(id), on(signal)),
  items: (id: string, query: Query, signal?: AbortSignal) =>
    json<Page<Item>>(importPath(id, '/items'), { query, ...on(signal) }),
  findItems: (query: Query, signal?: AbortSignal) => json<Page<FoundItem>>('/items', { query, ...on(signal) }),
  act: (id: string, verb: 'pause' | 'resume' | 'cancel', reason: string) =>
    post<Import>(importPath(id, `/${verb}`), because(reason)),
  planRetry: (id: string, selector: RetrySelector) =>
    post<RetryPlan>(importPath(id, '/retry'), { ...selector, dryRun: true }),
  retry: (id: string, selector: RetrySelector, reason: string) =>
    post<{ matched: number }>(importPath(id, '/retry'), { ...selector, ...because(reason) }),
  deliveries: (id: string, signal?: AbortSignal) => json<Page<Delivery>>(importPath(id, '/deliveries'), on(signal)),
  redeliver: (id: string, reason: string) => post<unknown>(importPath(id, '/deliveries/redeliver'), because(reason)),
  hosts: (query: Query, signal?: AbortSignal) => json<Page<Host>>('/hosts', { query, ...on(signal) }),
  probe: (host: string, reason: string) => post<unknown>(hostPath(host, 'probe'), because(reason)),
  limit: (host: string, limit: HostLimit, reason: string) =>
    post<unknown>(hostPath(host, 'limit'), { ...limit, ...because(reason) }),
  library: (query: Query, signal?: AbortSignal) => json<Page<Media>>('/mediaLibrary', { query, ...on(signal) }),
  media: (id: string, signal?: AbortSignal) => json<Media>(mediaPath(id), on(signal)),
  deleteMedia: async (id: string, reason: string): Promise<void> => {
    const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': newKey() };
    await request(mediaPath(id), { method: 'DELETE', headers, body: JSON.stringify(because(reason)) });
  },
  /** Sends lines, or only has them checked. */
  postLines: <T>(kind: Kind, query: Query, type: string, body: Blob, key: string) =>
    json<T>(`/import/${kind}s`, {
      method: 'POST',
      query,
      headers: { 'Content-Type': type, 'Idempotency-Key': key },
      body,
    }),
};

function on(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}
