import { randomUUID } from 'node:crypto';
import type { RequestHandler } from '../request-state.js';

/** What goes into logs and back to the client unchanged: nothing that could break a line or a header. */
const SANE = /^[A-Za-z0-9._:-]{1,128}$/;

/** Puts `x-request-id` on every answer: the client's own if it is sane, else a new one. */
export function requestId(): RequestHandler {
  return async (ctx, next) => {
    const given = ctx.get('x-request-id');
    ctx.state.requestId = SANE.test(given) ? given : randomUUID();
    ctx.set('x-request-id', ctx.state.requestId);
    await next();
  };
}
