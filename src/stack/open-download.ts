import type { Readable } from 'node:stream';
import { EnvHttpProxyAgent, request, interceptors } from 'undici';

/** Until the headers are there, redirects included: with what follows a download fails over within 10 s. */
const REACH_TIMEOUT_MS = 8_000;
/** A body that stands still for this long will not come. */
const IDLE_TIMEOUT_MS = 10_000;
/** The sites redirect to a release page and from there to storage. */
const MAX_REDIRECTS = 5;

/**
 * Opens the body of a file on the internet, through the proxy of the environment if one is set there.
 * @param reachTimeoutMs 8 s by default
 * @throws Error when the site was not reached within that time or answers with another status than 200
 */
export async function openDownload(url: string, reachTimeoutMs = REACH_TIMEOUT_MS): Promise<Readable> {
  const dispatcher = new EnvHttpProxyAgent({ bodyTimeout: IDLE_TIMEOUT_MS }).compose(
    interceptors.redirect({ maxRedirections: MAX_REDIRECTS }),
  );
  const reached = new AbortController();
  const limit = setTimeout(() => {
    reached.abort(new Error(`The site was not reached within ${reachTimeoutMs / 1000} s`));
  }, reachTimeoutMs);
  try {
    const { statusCode, body } = await request(url, { dispatcher, signal: reached.signal });
    if (statusCode === 200) return body;
    drop(body);
    throw new Error(`The site answered with status ${statusCode}`);
  } finally {
    clearTimeout(limit);
  }
}

/** Whether the site answers for that file within 8 s. */
export async function isReachable(url: string): Promise<boolean> {
  try {
    drop(await openDownload(url));
    return true;
  } catch {
    return false;
  }
}

/** Destroyed before its end a body says so with an error that nobody is to handle. */
function drop(body: Readable): void {
  body.on('error', () => undefined).destroy();
}
