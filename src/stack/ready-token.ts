import { jwtVerify } from 'jose';
import type { TokenStore } from '../contract/store.js';
import { DEFAULT_PROJECT } from './default-project.js';
import { mintToken, type Signing } from './mint-token.js';

const SCOPE = 'public-api:read public-api:write';
const DAY_MS = 24 * 60 * 60_000;
/** Long enough that it never expires in local use. */
const EXPIRES_IN_MS = 365 * DAY_MS;
/** One that ends soon is replaced before it ends while it is in use. */
const REPLACE_BEFORE_MS = 30 * DAY_MS;

/** The token that `start` prints: the kept one while it is good, else a new one, which is recorded like any other. */
export async function readyToken(kept: string | undefined, signing: Signing, tokens: TokenStore): Promise<string> {
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
