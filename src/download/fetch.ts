import type { KeptPart } from '../blobs/blob-store.js';
import { ImportError } from '../domain/errors.js';
import type { EgressResponse } from '../egress/egress.js';
import { withoutMisnamedCoding } from './misnamed-coding.js';
import { receiveAsset } from './receive.js';
import { answersRange, restOfPart, wholeFile, readBack, type ResumePoint } from './resume.js';
import type { Validators, FetchRequest, Fetched, NotModified, SourceDeps, Source } from './source.js';
import { carriesFile } from './status-failure.js';
import { isFinal } from './store-body.js';

interface RequestOptions {
  /** Names the product to the operators of sources. */
  readonly userAgent: string;
  /** Asks for what is newer than this only. */
  readonly unless: Validators | undefined;
  /** Asks for what is missing only. */
  readonly part: KeptPart | null;
}

/**
 * The headers of a request for a file. A source that is asked for both looks at the condition first and at the range afterwards
 * (RFC 9110 section 13.2.2).
 */
function requestHeaders({ userAgent, unless, part }: RequestOptions): Record<string, string> {
  return {
    accept: '*/*',
    // A coding would have to be undone: the plain file is what is stored.
    'accept-encoding': 'identity',
    'user-agent': userAgent,
    ...condition(unless),
    ...(part === null ? {} : { range: `bytes=${part.kept}-`, 'if-range': part.etag }),
  };
}

/** Whether a 304 would be an answer to what was asked. */
function isConditional(unless: Validators | undefined): boolean {
  return Object.keys(condition(unless)).length > 0;
}

/** RFC 9110 section 13.1.3: a date beside an ETag would be ignored. */
function condition(unless: Validators | undefined): Record<string, string> {
  if (unless?.etag !== undefined) return { 'if-none-match': unless.etag };
  if (unless?.lastModified !== undefined) return { 'if-modified-since': unless.lastModified };
  return {};
}

/**
 * Asks the source and takes its answer. An answer that was to be the rest of a part and does not fit costs the part: the whole
 * file is asked for at once.
 * @throws ImportError; NeedsOwnActivity; the reason of an aborted signal
 */
async function sendRequest(
  deps: SourceDeps,
  request: FetchRequest,
  earlier: ResumePoint,
): Promise<Fetched | NotModified> {
  const { egress, limits, userAgent = 'durable-import' } = deps;
  const { url, signal, unless } = request;
  const response = await egress.request({
    url,
    headers: requestHeaders({ userAgent, unless, part: earlier.begun?.part ?? null }),
    maxRedirects: limits.maxRedirects,
    ...(request.headers !== undefined && { originHeaders: request.headers }),
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
    return await handleResponse(deps, request, response, earlier);
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

async function handleResponse(
  deps: SourceDeps,
  request: FetchRequest,
  response: EgressResponse,
  { begun, found }: ResumePoint,
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
  return sendRequest(deps, request, { begun: null, found });
}

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
    return await sendRequest(deps, request, { begun, found });
  } catch (error) {
    if (isFinal(error) && !request.signal.aborted) await found?.drop();
    throw error;
  }
}
