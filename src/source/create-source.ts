import type { FetchRequest, Fetched, NotModified, Source } from '../contract/source.js';
import { exchange } from './exchange.js';
import { isFinal } from './is-final.js';
import { readBack } from './read-back.js';
import type { SourceDeps } from './source-deps.js';

/**
 * Creates the source of all imported bytes. A fetch holds one connection and at most one open blob, and gives both back however
 * it ends; an aborted one rejects with the reason of its signal. What it keeps of a large body is resumed by the next fetch
 * with the same `partKey`, in this process or another one that shares the store.
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
    discardPart: (partKey) => deps.blobs.forgetPart(partKey),
  };
}

async function fetchOnce(deps: SourceDeps, request: FetchRequest): Promise<Fetched | NotModified> {
  const found = request.partKey === undefined ? null : await deps.blobs.findPart(request.partKey);
  try {
    const begun = found && (await readBack(found, request));
    return await exchange(deps, request, { begun, found });
  } catch (error) {
    if (isFinal(error) && !request.signal.aborted) await found?.drop();
    throw error;
  }
}
