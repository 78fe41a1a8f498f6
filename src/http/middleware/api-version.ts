import { ApiError } from '../../contract/api-error.js';
import { apiVersionState, type ApiVersionRules } from '../../contract/api-versions.js';
import type { RequestHandler } from '../request-state.js';

/** Lets requests to served versions of the API through. @throws ApiError 410 (withdrawn), 404 (never existed) */
export function apiVersion(rules: ApiVersionRules): RequestHandler {
  return async (ctx, next) => {
    demandVersion(ctx.path, rules);
    await next();
  };
}

/** Demands that the version of an API path is served, whatever the method. @throws ApiError 410 (withdrawn), 404 (never existed) */
export function demandVersion(path: string, rules: ApiVersionRules): void {
  const version = path.split('/')[2] ?? '';
  const state = apiVersionState(version, rules);
  if (state === 'unknown') throw new ApiError(404, { url: path });
  if (state === 'withdrawn')
    throw new ApiError(410, { api_version: `The API version ${version} is not available anymore` });
}
