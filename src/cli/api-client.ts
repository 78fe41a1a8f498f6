import type { Command } from 'commander';
import { z } from 'zod';
import type { KindPlural } from '../domain/import.js';
import { readRunFile } from '../local-stack/files.js';
import type { PostBody } from './batch-file.js';

interface ApiAddress {
  /** An origin, without a slash at its end. */
  readonly api: string;
  readonly token: string;
}

export interface ApiOptions {
  readonly api?: string;
  readonly token?: string;
}

/** Adds the options of every command that talks to the API. */
export function withApiOptions(command: Command): Command {
  return command
    .option('--api <origin>', 'origin of the API (default: DURABLE_IMPORT_API, or the stack that runs on DATA_DIR)')
    .option('--token <token>', 'access token (default: DURABLE_IMPORT_TOKEN, or that of the stack on DATA_DIR)');
}

/**
 * Where the API is and who asks: what was given, else the environment, else the stack that runs on DATA_DIR. The token of the
 * stack goes to its own address only.
 * @throws Error that says what to give
 */
export async function findApi(options: ApiOptions, env: NodeJS.ProcessEnv): Promise<ApiAddress> {
  const given = options.api ?? nonEmpty(env['DURABLE_IMPORT_API']);
  const token = options.token ?? nonEmpty(env['DURABLE_IMPORT_TOKEN']);
  const dataDir = nonEmpty(env['DATA_DIR']) ?? '.data';
  const run = given !== undefined && token !== undefined ? null : await readRunFile(dataDir);
  const api = originOf(given) ?? run?.api;
  if (api === undefined) throw new Error(`Nothing runs on ${dataDir}: run start first, or give --api and --token`);
  const ownToken = api === run?.api ? run.token : null;
  const found = token ?? ownToken;
  if (found === null) throw new Error(`No access token for ${api}: give --token or set DURABLE_IMPORT_TOKEN`);
  return { api, token: found };
}

function originOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  if (/^https?:\/\//.test(text) && URL.canParse(text)) return text.replace(/\/+$/, '');
  throw new Error('The API address must be an origin such as http://127.0.0.1:8080');
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

/** Always served, whatever dated versions come and go. */
const API = 'api/v1';
/** Reads answer in milliseconds, and within a few seconds while Temporal is away. */
const READ_TIMEOUT_MS = 30_000;
/** Storing 10,000 items from a slow line. */
const POST_TIMEOUT_MS = 300_000;

const Accepted = z.object({ id: z.string() });
const ErrorBody = z.object({ error: z.string(), error_details: z.record(z.string(), z.unknown()).optional() });
const Started = z.object({ finished: z.literal(false), state: z.string(), id: z.string() });
const Finished = z.looseObject({ finished: z.literal(true), state: z.enum(['success', 'failed']), id: z.string() });
/** The published status of an import. */
export const StatusDocument = z.union([Finished, Started]);
export type StatusDocument = z.infer<typeof StatusDocument>;

/** What the CLI reads of `GET /imports/:id`. */
const ImportDocument = z.looseObject({
  id: z.string(),
  kind: z.enum(['video', 'file', 'image']),
  state: z.string(),
  finished: z.boolean(),
  counts: z.object({
    total: z.number(),
    open: z.number(),
    success: z.number(),
    skipped: z.number(),
    failed: z.number(),
  }),
  failures: z.array(z.looseObject({ code: z.string(), hint: z.string() })).optional(),
  workflow: z.looseObject({ url: z.string().nullish() }).nullish(),
});
export type ImportDocument = z.infer<typeof ImportDocument>;

/** What the CLI reads of an entry of `GET /imports/:id/items`. */
const FailedItem = z.looseObject({
  externalId: z.string(),
  code: z.string().optional(),
  host: z.string().optional(),
  reason: z.string().optional(),
});
export type FailedItem = z.infer<typeof FailedItem>;
const FailedItems = z.looseObject({ items: z.array(FailedItem) });

/** The API was not reached, or broke off: asking again may help. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';
}

/** The API answered with an error. */
export class Refused extends Error {
  override readonly name = 'Refused';
  constructor(
    readonly status: number,
    error: string,
    /** Sentences keyed by dotted path. */
    readonly details: Readonly<Record<string, unknown>>,
  ) {
    super(`The API answered ${status} ${error}`);
  }
}

export interface ApiClient {
  /** Posts a batch and answers its id. @throws Refused, Unreachable */
  submit(plural: KindPlural, body: unknown): Promise<string>;
  /**
   * Posts a batch as a file holds it and answers its id. A second post with the same key is not a second import.
   * @throws Refused, Unreachable
   */
  post(plural: KindPlural, body: PostBody, idempotencyKey: string): Promise<string>;
  /** @throws Refused, Unreachable */
  status(plural: KindPlural, id: string): Promise<StatusDocument>;
  /** @throws Refused, Unreachable */
  show(id: string): Promise<ImportDocument>;
  /** The first failed items of an import, in the order of its request. @throws Refused, Unreachable */
  failedItems(id: string, limit: number): Promise<FailedItem[]>;
  /** Where all of them are listed. */
  failedItemsUrl(id: string): string;
}

type Question = Omit<RequestInit, 'headers'> & { readonly headers?: Readonly<Record<string, string>> };

export function createApiClient({ api, token }: ApiAddress): ApiClient {
  const ask = async <T>(
    path: string,
    schema: z.ZodType<T>,
    { headers, ...init }: Question,
    timeoutMs?: number,
  ): Promise<T> => {
    let status: number;
    let text: string;
    try {
      const response = await fetch(`${api}/${API}/${path}`, {
        ...init,
        headers: {
          'content-type': 'application/json; charset=utf-8',
          ...headers,
          authorization: `Bearer ${token}`,
        },
        ...(timeoutMs === undefined ? {} : { signal: AbortSignal.timeout(timeoutMs) }),
      });
      status = response.status;
      text = await response.text();
    } catch (cause) {
      throw new Unreachable(`The API cannot be reached at ${api}`, { cause });
    }
    const body = parsed(text);
    if (status === 200) {
      const answer = schema.safeParse(body);
      if (answer.success) return answer.data;
      throw new Error(`${api} does not answer as this API does`);
    }
    const error = ErrorBody.safeParse(body).data;
    throw new Refused(status, error?.error ?? '', error?.error_details ?? {});
  };
  const read = <T>(path: string, schema: z.ZodType<T>): Promise<T> => ask(path, schema, {}, READ_TIMEOUT_MS);
  const post = async (plural: KindPlural, { type, query, body }: PostBody, key?: string): Promise<string> => {
    const headers = { 'content-type': type, ...(key === undefined ? {} : { 'idempotency-key': key }) };
    const init = { method: 'POST', body, headers, duplex: 'half' };
    // A file of lines may take as long as it is large; undici itself ends a silence of five minutes.
    const timeoutMs = typeof body === 'string' ? POST_TIMEOUT_MS : undefined;
    return (await ask(`import/${plural}${query}`, Accepted, init as Question, timeoutMs)).id;
  };
  const failedItemsPath = (id: string): string => `imports/${encodeURIComponent(id)}/items?state=failed`;
  return {
    submit: (plural, body) => post(plural, { type: 'application/json', query: '', body: JSON.stringify(body) }),
    post,
    status: (plural, id) => read(`import/${plural}/status?id=${encodeURIComponent(id)}`, StatusDocument),
    show: (id) => read(`imports/${encodeURIComponent(id)}`, ImportDocument),
    failedItems: async (id, limit) => (await read(`${failedItemsPath(id)}&limit=${limit}`, FailedItems)).items,
    failedItemsUrl: (id) => `${api}/${API}/${failedItemsPath(id)}`,
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
