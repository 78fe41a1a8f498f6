import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT, type JWTPayload } from 'jose';
import { pino } from 'pino';
import { openBlobStore } from '../../src/blobs/open-blob-store.js';
import type { BlobStore } from '../../src/blobs/blob-store.js';
import { defaultMediaTypes } from '../../src/domain/media-types.js';
import type { Store } from '../../src/store/store.js';
import { parseAllowList } from '../../src/egress/addresses.js';
import { checkUrl } from '../../src/egress/urls.js';
import { createApp, type HttpDeps } from '../../src/api/app.js';
import { listen } from '../../src/api/server.js';
import type { HttpSettings } from '../../src/api/settings.js';
import type { ImportWorkflows } from '../../src/temporal/client.js';
import { createStore } from '../../src/store/open-store.js';
import { createFakeWorkflows, type FakeWorkflows } from './fake-workflows.js';
import { createHttpClient, type HttpClient } from './http-client.js';
import { aTestDatabase } from '../servers/mongo.js';

export const TOKEN_SECRET = 'a secret for tests of at least 32 bytes';

export interface TestGateway {
  readonly origin: string;
  readonly store: Store;
  readonly blobs: BlobStore;
  /** The fake of Temporal, unless the test brought its own. */
  readonly workflows: FakeWorkflows;
  /** A client with a token of project `p1` that may do everything. */
  readonly client: HttpClient;
  clientOf(claims: JWTPayload): Promise<HttpClient>;
  close(): Promise<void>;
}

export interface TestGatewayOptions {
  readonly settings?: Partial<HttpSettings>;
  readonly workflows?: ImportWorkflows;
  /** Replaces single dependencies. */
  readonly replace?: (deps: HttpDeps) => Partial<HttpDeps>;
}

/** A token signed as `token create` signs them. */
export async function aToken(
  claims: JWTPayload = {},
  secret = TOKEN_SECRET,
  lifetime: string | null = '1h',
): Promise<string> {
  const payload = { projectId: 'p1', scope: 'public-api:write', name: 'test', jti: randomUUID(), ...claims };
  const token = new SignJWT(payload).setProtectedHeader({ alg: 'HS256' });
  if (!('exp' in claims) && lifetime !== null) token.setExpirationTime(lifetime);
  return token.sign(new TextEncoder().encode(secret));
}

/** A gateway on a socket and a database of its own. */
export async function aGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const database = await aTestDatabase();
  const store = await createStore({ url: database.url, database: database.database });
  const folder = await mkdtemp(join(tmpdir(), 'gateway-'));
  const blobs = openBlobStore(`file:${folder}`);
  const workflows = createFakeWorkflows();
  const allow = parseAllowList('');
  const deps: HttpDeps = {
    store,
    blobs,
    workflows: options.workflows ?? workflows,
    mediaTypes: defaultMediaTypes(),
    checkUrl: (url) => checkUrl(url, allow),
    assetUrl: (sha256) => `https://assets.example.com/assets/${sha256}.bin`,
    page: null,
    settings: {
      publicUrl: 'https://api.example.com',
      versions: { latest: '2026-11', withdrawn: ['2025-03'] },
      tokens: { keys: { secret: TOKEN_SECRET } },
      rateLimit: null,
      projectRateLimit: null,
      memoryForBodies: 64 * 1024 ** 2,
      memoryForAnswers: 64 * 1024 ** 2,
      maxOpenAssets: 256,
      maxProjectRequests: 100,
      unknownId: '404',
      itemSuccessState: 'success',
      plan: { sweepAbove: 200, sweepPage: 50, hostMaxConcurrent: 16 },
      temporalUiUrl: 'https://temporal.example.com',
      temporalNamespace: 'default',
      ...options.settings,
    },
    stopping: new AbortController().signal,
    metrics: { requestAnswered: () => undefined, batchAccepted: () => undefined },
    logger: pino({ level: 'silent' }),
  };
  const app = createApp({ ...deps, ...options.replace?.(deps) });
  const handle = app.callback();
  const server = await listen((request, response) => void handle(request, response), {
    host: '127.0.0.1',
    port: 0,
    portVariable: 'PORT',
  });
  return {
    origin: server.origin,
    store,
    blobs,
    workflows,
    client: createHttpClient(server.origin, await aToken()),
    clientOf: async (claims) => createHttpClient(server.origin, await aToken(claims)),
    close: async () => {
      await server.close(5_000);
      await store.close();
      await blobs.close();
      await database.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
