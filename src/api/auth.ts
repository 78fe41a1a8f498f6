import {
  createLocalJWKSet,
  errors,
  importJWK,
  jwtVerify,
  type JSONWebKeySet,
  type JWK,
  type JWTPayload,
  type JWTVerifyOptions,
} from 'jose';
import { ApiError } from '../domain/api-error.js';
import type { TokenStore } from '../store/store.js';
import { tokenOf, type AccessToken, type RequestHandler } from './context.js';

/** Where tokens come from: a shared secret (HS256), or the public keys of an identity provider. */
export type TokenKeys = { readonly secret: string } | { readonly jwks: JSONWebKeySet };

export interface TokenRules {
  readonly keys: TokenKeys;
  /** Checked only when given. */
  readonly issuer?: string;
  readonly audience?: string;
}

/** Why a token is refused, in the published words where there are any. */
class TokenRefused extends Error {
  override readonly name = 'TokenRefused';
}

/** A key set never verifies HMAC: its public keys would be the secret (RFC 8725 section 3.1). */
const ASYMMETRIC = [
  'EdDSA',
  'Ed25519',
  'ES256',
  'ES384',
  'ES512',
  'PS256',
  'PS384',
  'PS512',
  'RS256',
  'RS384',
  'RS512',
];
/** Project ids are part of workflow ids, where a slash would let one project name another's workflow. */
const PROJECT_ID = /^[A-Za-z0-9_-]{1,64}$/;

/** Checks signature, time and claims of an access token. @throws TokenRefused */
export function createTokenVerifier(rules: TokenRules): (token: string) => Promise<AccessToken> {
  const options: JWTVerifyOptions = {
    algorithms: 'secret' in rules.keys ? ['HS256'] : ASYMMETRIC,
    requiredClaims: ['exp'],
    ...(rules.issuer === undefined ? {} : { issuer: rules.issuer }),
    ...(rules.audience === undefined ? {} : { audience: rules.audience }),
  };
  const verify = verifierOf(rules.keys, options);
  return async (token) => {
    let payload: JWTPayload;
    try {
      payload = await verify(token);
    } catch (error) {
      throw new TokenRefused(refusal(error, rules.keys), { cause: error });
    }
    return tokenFrom(payload);
  };
}

function verifierOf(keys: TokenKeys, options: JWTVerifyOptions): (token: string) => Promise<JWTPayload> {
  if ('secret' in keys) {
    const key = new TextEncoder().encode(keys.secret);
    return async (token) => (await jwtVerify(token, key, options)).payload;
  }
  const keySet = createLocalJWKSet(keys.jwks);
  return async (token) => {
    try {
      return (await jwtVerify(token, keySet, options)).payload;
    } catch (error) {
      if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
      return verifyWithAny(token, error, options);
    }
  };
}

/** A token without `kid` may be signed with any of the keys that suit it. */
async function verifyWithAny(
  token: string,
  matching: errors.JWKSMultipleMatchingKeys,
  options: JWTVerifyOptions,
): Promise<JWTPayload> {
  for await (const key of matching) {
    try {
      return (await jwtVerify(token, key, options)).payload;
    } catch (error) {
      if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw error;
    }
  }
  throw new errors.JWSSignatureVerificationFailed();
}

/**
 * Whether a token signed with some key of the set could be accepted. Keys of other uses beside it do no harm: providers publish
 * them in one set.
 */
export async function hasUsableKey({ keys }: JSONWebKeySet): Promise<boolean> {
  if (!Array.isArray(keys)) return false;
  // The file may hold anything.
  const objects = keys.filter((key: unknown) => typeof key === 'object' && key !== null);
  const usable = await Promise.all(objects.map(isUsable));
  return usable.includes(true);
}

/** The rules of `createLocalJWKSet`, which says nothing about a key that it passes over. */
async function isUsable(key: JWK): Promise<boolean> {
  const { use = 'sig', key_ops: operations = ['verify'] } = key;
  if (use !== 'sig' || !operations.includes('verify')) return false;
  const alg = key.alg ?? algorithmOf(key);
  if (alg === undefined || !ASYMMETRIC.includes(alg)) return false;
  try {
    const imported = await importJWK(key, alg);
    if (imported instanceof Uint8Array || imported.type !== 'public') return false;
    // RFC 7518 section 3.3.
    const { modulusLength = 2048 } = imported.algorithm as { modulusLength?: number };
    return modulusLength >= 2048;
  } catch {
    return false;
  }
}

function algorithmOf({ kty, crv = '' }: JWK): string | undefined {
  if (kty === 'RSA') return 'RS256';
  return { 'P-256': 'ES256', 'P-384': 'ES384', 'P-521': 'ES512', Ed25519: 'EdDSA' }[crv];
}

function tokenFrom(payload: JWTPayload): AccessToken {
  const { projectId, scope, name, jti, exp = 0 } = payload;
  // Beyond 2^53 two numbers would be one project.
  const isNumber = typeof projectId === 'number' && Number.isSafeInteger(projectId) && projectId >= 0;
  const project = isNumber ? String(projectId) : projectId;
  if (typeof project !== 'string' || !PROJECT_ID.test(project))
    throw new TokenRefused('The access token is malformed: projectId must have 1 to 64 letters, digits, _ or -');
  if (typeof jti !== 'string' || jti === '') throw new TokenRefused('The access token is malformed: jti is missing');
  const scopes = new Set(typeof scope === 'string' ? scope.split(' ').filter((part) => part !== '') : []);
  return { projectId: project, jti, scopes, expiresAt: exp * 1000, ...(typeof name === 'string' ? { name } : {}) };
}

/** Errors of a token that was signed, but not with the keys or the algorithm of this service: the wrong deployment's, most often. */
const FOREIGN_SIGNATURES = [
  errors.JWSSignatureVerificationFailed,
  errors.JOSEAlgNotAllowed,
  errors.JWKSNoMatchingKey,
] as const;

function refusal(error: unknown, keys: TokenKeys): string {
  if (error instanceof errors.JWTExpired) return 'The access token expired.';
  if (error instanceof errors.JWTClaimValidationFailed)
    return `The access token is malformed: ${error.claim} is not accepted`;
  if (!FOREIGN_SIGNATURES.some((foreign) => error instanceof foreign)) return 'The access token is malformed';
  return 'secret' in keys
    ? 'The access token is malformed: it is not signed with TOKEN_SECRET of this service (HS256)'
    : 'The access token is malformed: it is not signed with a key of the key set of this service (TOKEN_JWKS_FILE)';
}

/**
 * Demands a valid bearer token (RFC 6750) that has not been revoked, and leaves it on the request.
 * @throws ApiError 401 with the published sentence
 */
export function authenticate(deps: {
  verify: (token: string) => Promise<AccessToken>;
  tokens: Pick<TokenStore, 'isRevoked'>;
}): RequestHandler {
  return async (ctx, next) => {
    const header = ctx.get('authorization');
    if (header === '') throw unauthorized('The access token is missing', false);
    const [, bearer] = /^Bearer +([^\s]+) *$/i.exec(header) ?? [];
    if (bearer === undefined) throw unauthorized('The access token is malformed');
    const check = async (): Promise<AccessToken> => {
      const token = await verified(bearer, deps.verify);
      if (await deps.tokens.isRevoked(token.jti)) throw unauthorized('The access token is revoked');
      return token;
    };
    ctx.state.token = await check();
    ctx.state.checkToken = async () => {
      await check();
    };
    await next();
  };
}

async function verified(bearer: string, verify: (token: string) => Promise<AccessToken>): Promise<AccessToken> {
  try {
    return await verify(bearer);
  } catch (error) {
    if (error instanceof TokenRefused) throw unauthorized(error.message);
    throw error;
  }
}

function unauthorized(sentence: string, isInvalid = true): ApiError {
  // RFC 6750 section 3.1: no error code when the client sent no authentication at all.
  const challenge = isInvalid ? `Bearer error="invalid_token", error_description="${sentence}"` : 'Bearer';
  return new ApiError(401, { access_token: sentence }, { 'WWW-Authenticate': challenge });
}

/** Which scopes a route takes; one of them is enough. The published routes take `write`, the status too. */
export const SCOPES = {
  read: ['public-api:read', 'public-api:write'],
  write: ['public-api:write'],
  /** What concerns source hosts, which all projects share. */
  operations: ['operations'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** Demands one of the given scopes. @throws ApiError 403 as published, which names the scope */
export function requireScope(...scopes: readonly string[]): RequestHandler {
  return async (ctx, next) => {
    const token = tokenOf(ctx.state);
    if (!scopes.some((scope) => token.scopes.has(scope)))
      throw new ApiError(
        403,
        { access_token: 'The request requires higher privileges', scope: `Lacks ${scopes.join(' or ')}` },
        { 'WWW-Authenticate': `Bearer error="insufficient_scope", scope="${scopes.join(' ')}"` },
      );
    await next();
  };
}
