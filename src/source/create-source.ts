import type { BlobStore } from '../contract/blob-store.js';
import type { Egress } from '../contract/egress.js';
import type { FetchRequest, Fetched, Source } from '../contract/source.js';
import { receiveAsset } from './receive-asset.js';
import type { SourceLimits } from './source-limits.js';

export interface SourceDeps {
  readonly egress: Egress;
  readonly blobs: BlobStore;
  readonly limits: SourceLimits;
  /** Names the product to the operators of sources. */
  readonly userAgent?: string;
}

/**
 * Creates the source of all imported bytes. A fetch holds one connection and at most one open blob, and gives both back however
 * it ends; an aborted one rejects with the reason of its signal.
 */
export function createSource(deps: SourceDeps): Source {
  return {
    async fetch(request) {
      request.signal.throwIfAborted();
      try {
        return await fetchOnce(deps, request);
      } catch (error) {
        request.signal.throwIfAborted();
        throw error;
      }
    },
  };
}

async function fetchOnce(deps: SourceDeps, request: FetchRequest): Promise<Fetched> {
  const { egress, limits, userAgent = 'durable-import' } = deps;
  const response = await egress.request({
    url: request.url,
    // A range or a coding would have to be undone: the plain file is what is stored.
    headers: { accept: '*/*', 'accept-encoding': 'identity', 'user-agent': userAgent },
    maxRedirects: limits.maxRedirects,
    headersTimeoutMs: limits.headersTimeoutMs,
    idleTimeoutMs: limits.idleTimeoutMs,
    signal: request.signal,
  });
  const { body } = response;
  // A body that breaks while nobody reads it must not end the process; readers get the error from their iterator.
  body.on('error', () => undefined);
  const cut = (): void => void body.destroy();
  request.signal.addEventListener('abort', cut, { once: true });
  try {
    request.signal.throwIfAborted();
    return await receiveAsset(response, request, deps);
  } finally {
    request.signal.removeEventListener('abort', cut);
    body.destroy();
  }
}
