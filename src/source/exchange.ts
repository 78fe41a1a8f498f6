import type { EgressResponse } from '../contract/egress.js';
import { ImportError } from '../contract/errors.js';
import type { FetchRequest, Fetched, NotModified } from '../contract/source.js';
import type { Earlier } from './earlier.js';
import { receiveAsset } from './receive-asset.js';
import { isConditional, requestHeaders } from './request-headers.js';
import { withoutMisnamedCoding } from './misnamed-coding.js';
import { answersRange, restOfPart, wholeFile } from './rest-of-part.js';
import type { SourceDeps } from './source-deps.js';
import { carriesFile } from './status-failure.js';

/**
 * Asks the source and takes its answer. An answer that was to be the rest of a part and does not fit costs the part: the whole
 * file is asked for at once.
 * @throws ImportError; LeaveSweep; the reason of an aborted signal
 */
export async function exchange(
  deps: SourceDeps,
  request: FetchRequest,
  earlier: Earlier,
): Promise<Fetched | NotModified> {
  const { egress, limits, userAgent = 'durable-import' } = deps;
  const { url, signal, unless } = request;
  const response = await egress.request({
    url,
    headers: requestHeaders({ userAgent, unless, part: earlier.begun?.part ?? null }),
    maxRedirects: limits.maxRedirects,
    headersTimeoutMs: limits.headersTimeoutMs,
    idleTimeoutMs: limits.idleTimeoutMs,
    signal,
  });
  const { body } = response;
  // A body that breaks while it is not being read must not end the process; readers get the error from their iterator.
  body.on('error', () => undefined);
  const cut = (): void => void body.destroy();
  signal.addEventListener('abort', cut, { once: true });
  try {
    signal.throwIfAborted();
    await request.onAnswered?.();
    return await takeAnswer(deps, request, response, earlier);
  } catch (error) {
    const { host } = response;
    if (host === undefined || !(error instanceof ImportError)) throw error;
    throw new ImportError(error.code, error.message, { ...error.details, host }, { cause: error.cause });
  } finally {
    signal.removeEventListener('abort', cut);
    // Of a body that was read to its end undici would say that it was aborted, which costs an error with a stack.
    if (!body.readableEnded) body.destroy();
  }
}

async function takeAnswer(
  deps: SourceDeps,
  request: FetchRequest,
  response: EgressResponse,
  { begun, found }: Earlier,
): Promise<Fetched | NotModified> {
  const { status, body } = response;
  if (status === 304 && isConditional(request.unless)) {
    request.onArrived?.();
    await found?.drop();
    return { kind: 'not_modified', httpStatus: status };
  }
  const whole = wholeFile(response) ?? response;
  if (begun === null || !answersRange(whole.status)) {
    const answer = carriesFile(whole.status) ? await withoutMisnamedCoding(whole, request.url) : whole;
    return receiveAsset(answer, request, deps, { begun: null, found });
  }
  const rest = restOfPart(await withoutMisnamedCoding(whole, request.url, begun.part), begun.part);
  if (rest !== null) return receiveAsset(rest, request, deps, { begun, found });
  body.destroy();
  await begun.part.drop();
  return exchange(deps, request, { begun: null, found });
}
