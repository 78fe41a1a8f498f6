import { ApiError } from '../contract/api-error.js';
import type { RequestContext } from './request-state.js';

/** The media type of a request's body, in lower case and without parameters; empty when there is none. */
export function mediaTypeOf(ctx: RequestContext): string {
  return ctx.request.type.toLowerCase();
}

/** @throws ApiError 415 that names the types which are taken, when this is none of them or not in UTF-8 */
export function demandUtf8(ctx: RequestContext, isTaken: boolean, types: readonly string[]): void {
  if (isTaken && ['', 'utf-8', 'utf8'].includes(ctx.request.charset.toLowerCase())) return;
  const [first = '', ...others] = types;
  const sentence = ['Must be', [`${first}; charset=utf-8`, ...others].join(' or ')].join(' ');
  throw new ApiError(415, { 'content-type': sentence }, { Accept: types.join(', ') });
}
