import { DEFAULT_PROJECT } from '../../../src/local-stack/project.js';
import { mintToken } from '../../../src/cli/credentials.js';
import { createStore } from '../../../src/store/open-store.js';

export interface Credentials {
  /** Of the default project. */
  readonly token: string;
  readonly webhookSecret: string;
}

const DAY_MS = 24 * 60 * 60_000;

/** What a client of the default project gets from its operator. */
export async function makeCredentials(url: string, database: string, tokenSecret: string): Promise<Credentials> {
  const store = await createStore({ url, database });
  try {
    const wish = { projectId: DEFAULT_PROJECT, scope: 'public-api:write', name: 'chaos', expiresInMs: DAY_MS };
    const { token, record } = await mintToken(wish, { secret: tokenSecret });
    await store.tokens.insert(record);
    const [webhookSecret = ''] = await store.projects.webhookSecrets(DEFAULT_PROJECT);
    return { token, webhookSecret };
  } finally {
    await store.close();
  }
}
