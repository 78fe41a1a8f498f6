import { ApiError } from '../../contract/api-error.js';
import type { TokenStore } from '../../contract/store.js';
import type { AccessToken, RequestHandler } from '../request-state.js';
import { TokenRefused } from '../verify-token.js';

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
