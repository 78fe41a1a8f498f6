import { ApiError } from '../../contract/api-error.js';
import { tokenOf, type RequestHandler } from '../request-state.js';

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
