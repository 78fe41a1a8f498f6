import type { Config } from '../config.js';
import { createStore } from '../store/connect.js';
import { DEFAULT_PROJECT } from './default-project.js';
import { readyToken } from './ready-token.js';
import { ensureSecrets, saveReadyToken } from './secrets.js';

export interface Project {
  /** Set for the services when the environment configures no token keys. */
  readonly tokenSecret: string | null;
  /** Null when tokens come from an identity provider. */
  readonly token: string | null;
  readonly webhookSecret: string;
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
  const store = await createStore({ url: mongodb, database: config.MONGODB_DATABASE });
  try {
    const [webhookSecret] = await store.projects.webhookSecrets(DEFAULT_PROJECT);
    if (webhookSecret === undefined) throw new Error(`The project ${DEFAULT_PROJECT} got no webhook secret`);
    if (config.TOKEN_JWKS_FILE !== undefined) return { tokenSecret: null, token: null, webhookSecret };
    const secret = config.TOKEN_SECRET ?? secrets.tokenSecret;
    const signing = { secret, issuer: config.TOKEN_ISSUER, audience: config.TOKEN_AUDIENCE };
    const token = await readyToken(secrets.token, signing, store.tokens);
    if (token !== secrets.token) await saveReadyToken(dataDir, token);
    return { tokenSecret: secret, token, webhookSecret };
  } finally {
    await store.close();
  }
}
