import { jwtVerify } from 'jose';
import { mintToken, type Signing } from '../cli/credentials.js';
import type { Config } from '../config.js';
import { createStore } from '../store/open-store.js';
import type { TokenStore } from '../store/store.js';
import { ensureSecrets, saveReadyToken } from './files.js';

/** The project that `start` makes its token and webhook secret for. */
export const DEFAULT_PROJECT = 'default';

const SCOPE = 'public-api:read public-api:write';
const DAY_MS = 24 * 60 * 60_000;
/** Long enough that it never expires in local use. */
const EXPIRES_IN_MS = 365 * DAY_MS;
/** One that ends soon is replaced before it ends while it is in use. */
const REPLACE_BEFORE_MS = 30 * DAY_MS;

/** The token that `start` prints: the kept one while it is good, else a new one, which is recorded like any other. */
async function readyToken(kept: string | undefined, signing: Signing, tokens: TokenStore): Promise<string> {
  if (kept !== undefined && (await isGood(kept, signing, tokens))) return kept;
  const wish = { projectId: DEFAULT_PROJECT, scope: SCOPE, name: 'start', expiresInMs: EXPIRES_IN_MS };
  const { token, record } = await mintToken(wish, signing);
  await tokens.insert(record);
  return token;
}

async function isGood(token: string, { secret, issuer, audience }: Signing, tokens: TokenStore): Promise<boolean> {
  try {
    const { payload } = await jwtVerify(token, new TextEncoder().encode(secret), {
      algorithms: ['HS256'],
      currentDate: new Date(Date.now() + REPLACE_BEFORE_MS),
      ...(issuer === undefined ? {} : { issuer }),
      ...(audience === undefined ? {} : { audience }),
    });
    return payload.jti !== undefined && !(await tokens.isRevoked(payload.jti));
  } catch {
    return false;
  }
}

export interface Project {
  /** Set for the services when the environment configures no token keys. */
  readonly tokenSecret: string | null;
  /** Null when tokens come from an identity provider. */
  readonly token: string | null;
  readonly webhookSecret: string;
  /** For gateway and worker. */
  readonly itemHeadersKey: string | undefined;
}

export interface PrepareOptions {
  readonly config: Config;
  readonly dataDir: string;
  /** Connection string. */
  readonly mongodb: string;
}

/** Makes what a first request needs: a secret for tokens, a token of the default project, and its webhook secret. */
export async function prepareProject({ config, dataDir, mongodb }: PrepareOptions): Promise<Project> {
  const secrets = await ensureSecrets(dataDir);
  const itemHeadersKey = config.ITEM_HEADERS_KEY ?? secrets.itemHeadersKey;
  const store = await createStore({ url: mongodb, database: config.MONGODB_DATABASE });
  try {
    const [webhookSecret] = await store.projects.webhookSecrets(DEFAULT_PROJECT);
    if (webhookSecret === undefined) throw new Error(`The project ${DEFAULT_PROJECT} got no webhook secret`);
    if (config.TOKEN_JWKS_FILE !== undefined) return { tokenSecret: null, token: null, webhookSecret, itemHeadersKey };
    const secret = config.TOKEN_SECRET ?? secrets.tokenSecret;
    const signing = { secret, issuer: config.TOKEN_ISSUER, audience: config.TOKEN_AUDIENCE };
    const token = await readyToken(secrets.token, signing, store.tokens);
    if (token !== secrets.token) await saveReadyToken(dataDir, token);
    return { tokenSecret: secret, token, webhookSecret, itemHeadersKey };
  } finally {
    await store.close();
  }
}
