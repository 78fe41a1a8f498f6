import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { EnvHttpProxyAgent, request, interceptors } from 'undici';

/** Until the headers are there, redirects included: with what follows a download fails over within 10 s. */
const REACH_TIMEOUT_MS = 8_000;
/** A body that stands still for this long will not come. */
const IDLE_TIMEOUT_MS = 10_000;
/** The sites redirect to a release page and from there to storage. */
const MAX_REDIRECTS = 5;
/** A sum has 64 digits, and behind it stands the name of a file. */
const SUM_LINE = 1_024;

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

/**
 * Downloads a file whose content is known.
 * @throws Error as `openDownload` does, and when the content has another SHA-256; no file is there then
 */
export async function downloadChecked(url: string, file: string, sha256: string): Promise<void> {
  const hash = createHash('sha256');
  const body = await openDownload(url);
  body.on('data', (chunk: Buffer) => hash.update(chunk));
  await pipeline(body, createWriteStream(file));
  const found = hash.digest('hex');
  if (found === sha256) return;
  await rm(file, { force: true });
  throw new Error(`what came has the SHA-256 ${found} instead of ${sha256}, so it is not used`);
}

/**
 * The SHA-256 that a site tells beside a file, as `sha256sum` writes it.
 * @throws Error as `openDownload` does, and when what comes does not begin with one
 */
export async function downloadSum(url: string): Promise<string> {
  const body = await openDownload(url);
  let text = '';
  for await (const chunk of body.setEncoding('latin1')) {
    text += String(chunk);
    // Leaving the loop ends the download: it may have no end.
    if (text.length >= SUM_LINE) break;
  }
  const sha256 = /^[0-9a-f]{64}(?=\s|$)/i.exec(text)?.[0];
  if (sha256 === undefined) throw new Error('its download site tells no SHA-256 for the archive, so it is not used');
  return sha256.toLowerCase();
}

/** A body that is destroyed before its end emits an error, which is expected here. */
function drop(body: Readable): void {
  body.on('error', () => undefined).destroy();
}
