import type Router from '@koa/router';
import { ApiError } from '../../contract/api-error.js';
import type { ApiVersionRules } from '../../contract/api-versions.js';
import type { RequestHandler, RequestState } from '../request-state.js';
import { demandVersion } from './api-version.js';

/**
 * Answers what no route took.
 * @throws ApiError 405 with Allow when the path exists in this version, else 404 as published; 410 for a version that was withdrawn
 */
export function notFound(router: Router<RequestState>, versions: ApiVersionRules): RequestHandler {
  return (ctx) => {
    const methods = new Set(router.match(ctx.path, ctx.method).path.flatMap((layer) => layer.methods));
    if (methods.size === 0) throw new ApiError(404, { url: ctx.path });
    if (ctx.path.startsWith('/api/')) demandVersion(ctx.path, versions);
    const allow = [...methods].sort().join(', ');
    throw new ApiError(405, { method: `${ctx.method} is not allowed here, ${allow} is` }, { Allow: allow });
  };
}
