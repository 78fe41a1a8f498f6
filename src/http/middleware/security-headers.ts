import type { RequestHandler } from '../request-state.js';

/**
 * Headers that keep a browser from doing anything with an answer but reading it (OWASP REST security cheat sheet): nothing is
 * sniffed, framed or executed, and API answers are not kept.
 */
export function securityHeaders(): RequestHandler {
  return async (ctx, next) => {
    ctx.set('X-Content-Type-Options', 'nosniff');
    ctx.set('Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'; sandbox");
    ctx.set('Referrer-Policy', 'no-referrer');
    ctx.set('Cache-Control', 'no-store');
    await next();
  };
}
