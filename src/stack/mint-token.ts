import { randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import type { TokenRecord } from '../contract/store.js';

export interface TokenWish {
  readonly projectId: string;
  /** Space separated. */
  readonly scope: string;
  readonly name: string;
  readonly expiresInMs: number;
}

/** What a deployment signs with and, when it checks them, puts into every token. */
export interface Signing {
  readonly secret: string;
  readonly issuer?: string | undefined;
  readonly audience?: string | undefined;
}

/**
 * Makes an access token (JWT, HS256 with the UTF-8 bytes of the secret), which always expires, and what is recorded of it. The
 * token itself is recorded nowhere.
 */
export async function mintToken(wish: TokenWish, signing: Signing): Promise<{ token: string; record: TokenRecord }> {
  const { projectId, scope, name, expiresInMs } = wish;
  // JWT times are whole seconds.
  const createdAt = new Date(Math.floor(Date.now() / 1000) * 1000);
  const expiresAt = new Date(createdAt.getTime() + Math.max(1000, Math.floor(expiresInMs / 1000) * 1000));
  const jti = randomUUID();
  const unsigned = new SignJWT({ projectId, scope, name })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setJti(jti)
    .setIssuedAt(createdAt)
    .setExpirationTime(expiresAt);
  if (signing.issuer !== undefined) unsigned.setIssuer(signing.issuer);
  if (signing.audience !== undefined) unsigned.setAudience(signing.audience);
  const token = await unsigned.sign(new TextEncoder().encode(signing.secret));
  return { token, record: { _id: jti, projectId, name, scope, createdAt, expiresAt } };
}
