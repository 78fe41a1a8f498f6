import type { Logger } from 'pino';
import { API_ERRORS, ApiError, type ApiStatus } from '../domain/api-error.js';
import { KINDS, type Kind } from '../domain/import.js';
import { outageOf } from '../temporal/client.js';
import type { RequestHandler } from './context.js';

/** Clients wait this long before they repeat a request that met an outage: about as long as a server takes to restart. */
const RETRY_AFTER_SECONDS = 5;

/** The published body of every answer that is not a success. */
export function errorBody(status: ApiStatus, details: Readonly<Record<string, unknown>>) {
  return { status, error: API_ERRORS[status], error_details: details };
}

/**
 * The one place that turns errors into answers. An unreachable server is a 503; an unexpected error is a 500 that reveals
 * nothing but the request id, and is logged once.
 */
export function errors(logger: Logger): RequestHandler {
  return async (ctx, next) => {
    try {
      await next();
    } catch (error) {
      const answer = answerTo(error, ctx.state.requestId);
      if (answer.status >= 500)
        logger[answer.status === 500 ? 'error' : 'warn'](
          { requestId: ctx.state.requestId, method: ctx.method, path: ctx.path, err: error },
          'a request failed',
        );
      ctx.status = answer.status;
      ctx.set({ 'Cache-Control': 'no-store', ...answer.headers });
      ctx.body = errorBody(answer.status, answer.details);
    }
  };
}

function answerTo(error: unknown, requestId: string): ApiError {
  if (error instanceof ApiError) return error;
  const dependency = outageOf(error);
  if (dependency === null) return new ApiError(500, { request_id: requestId });
  const details = { [dependency]: 'A server that the request needs cannot be reached' };
  return new ApiError(503, details, { 'Retry-After': String(RETRY_AFTER_SECONDS) });
}

/** Ids are short; a longer one is only shown in part. */
const MAX_SHOWN = 100;

/** The published 404 of an entity, also for what belongs to another project: it does not exist for this one. */
export function importNotFound(id: string): ApiError {
  return notFound(`Import does not exist (id: '${id.slice(0, MAX_SHOWN)}')`);
}

/** The 404 of an import of this project that another route knows. */
export function importOfOtherKind(id: string, kind: Kind, version: string): ApiError {
  return notFound(
    `Import ${id} is ${kind === 'image' ? 'an' : 'a'} ${kind} import; ask at /api/${version}/import/${KINDS[kind].plural}/status?id=${id}`,
  );
}

function notFound(message: string): ApiError {
  return new ApiError(404, { name: 'NotFound', message });
}
