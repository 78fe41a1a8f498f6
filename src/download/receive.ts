import type { BlobWriter } from '../blobs/blob-store.js';
import { ImportError, type ReasonCode } from '../domain/errors.js';
import type { Asset } from '../domain/media.js';
import type { EgressResponse } from '../egress/egress.js';
import { decodeBody, parseEncoding } from './decode-body.js';
import {
  bodyFraming,
  parseContentType,
  headerText,
  partIdentityOf,
  etagFingerprint,
  validatorsOf,
  shownContentType,
  retryAfterMs,
} from './http-headers.js';
import { inspectContent } from './media-type/inspect.js';
import { receiveBody, checkSize, createSpeedFloor } from './receive-body.js';
import type { Earlier } from './resume.js';
import type { FetchRequest, SourceDeps, Fetched } from './source.js';
import { storeBody } from './store-body.js';

/** Once may be a release that went out meanwhile; a file that changes again is likely to keep changing. */
const ENOUGH_RESTARTS = 2;

/**
 * Names the cause of a body that broke off: a file that changed again and again had to be fetched from its beginning each time.
 * @param restarts how often the body had to be begun again because it had changed
 */
function asSourceChanged(failure: unknown, restarts: number): unknown {
  if (restarts < ENOUGH_RESTARTS || !(failure instanceof ImportError)) return failure;
  if (!failure.retryable || failure.details.stage !== 'body') return failure;
  const sentence = `The file changed ${restarts} times while it was being fetched, and the last transfer broke off`;
  return new ImportError('source_changed', sentence, failure.details);
}

/**
 * Receives, checks and stores the body of an answer that carries a file, or the rest of one.
 * @param onReceived told the wire bytes of this body: 0 when it begins, then their number after every chunk
 * @throws ImportError; LeaveSweep; the reason of an aborted signal
 */
async function receiveContent(
  response: EgressResponse,
  request: FetchRequest,
  { blobs, limits }: SourceDeps,
  { begun, found }: Earlier,
  onReceived: (bytes: number) => void,
): Promise<Asset> {
  const { headers, body } = response;
  const { signal, sweepBytes, mayStay, onProgress } = request;
  const { announced, verifiable } = bodyFraming(headers);
  const encoding = parseEncoding(headerText(headers, 'content-encoding'));
  const size = { maxBytes: limits.maxBytes, sweepBytes, mayStay };
  const offset = begun?.part.kept ?? 0;
  const total = announced === null ? null : offset + announced;
  if (total !== null) checkSize(total, size);

  const identity = begun?.part ?? partIdentityOf(response, request.partKey, found);
  let writer: BlobWriter | undefined;
  const openWriter = async (): Promise<BlobWriter> => {
    if (identity === undefined) await found?.drop();
    return (writer = await (begun?.part.resume() ??
      blobs.createWriter(encoding === 'identity' ? total : null, identity)));
  };

  const { etag } = validatorsOf(headers);
  const known = {
    ...(total === null ? {} : { total }),
    ...(etag === undefined ? {} : { etag: etagFingerprint(etag) }),
  };
  onReceived(0);
  const wire = receiveBody(body, {
    offset,
    total,
    size,
    floor: createSpeedFloor(limits.minSpeedBytesPerSecond, limits.minSpeedWindowMs),
    signal,
    onArrived: request.onArrived,
    onReceived(received) {
      onReceived(received);
      onProgress?.({ offset: writer?.kept ?? offset, received, ...known });
    },
  });
  try {
    const { sha256, bytes, inspected } = await storeBody(encoding === 'identity' ? wire : decodeBody(wire, encoding), {
      begun,
      openWriter,
      size,
      signal,
      inspection: begun?.inspection ?? inspectContent(parseContentType(headerText(headers, 'content-type')), request),
    });
    // The formats of all three codings mark their own end, so a decoded body is whole.
    return { sha256, bytes, ...inspected, lengthVerified: verifiable || encoding !== 'identity' };
  } catch (error) {
    throw asSourceChanged(error, identity?.restarts ?? 0);
  }
}

const OWN_CODES: Readonly<Record<number, ReasonCode>> = {
  401: 'http_401',
  403: 'http_403',
  404: 'http_404',
  410: 'http_410',
};

const SENTENCES: Readonly<Record<number, string>> = {
  202: 'The source is still preparing the file (202)',
  204: 'The source answered without a body (204)',
  205: 'The source answered without a body (205)',
  206: 'The source sent a part of the file (206) although all of it was asked for',
  401: 'The source asks for credentials (401)',
  403: 'The source refuses access (403)',
  404: 'The source does not know the URL (404)',
  408: 'The source gave up waiting for the request (408)',
  410: 'The source has removed the file (410)',
  425: 'The source asks for the request to be made later (425)',
  429: 'The source answered that there are too many requests (429)',
};

/** A file is the content of a 200, or of a 203: the same, changed by a proxy on the way (RFC 9110 section 15.3.4). */
export function carriesFile(status: number): boolean {
  return status === 200 || status === 203;
}

/**
 * What a status other than that of a file means for the attempt.
 * @param retryAfterMs what the source asked for, if anything
 */
export function statusFailure(status: number, retryAfterMs: number | undefined): ImportError {
  const sentence = SENTENCES[status] ?? `The source answered with the status ${status}`;
  return new ImportError(codeOf(status), sentence, {
    stage: 'headers',
    httpStatus: status,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

function codeOf(status: number): ReasonCode {
  const own = OWN_CODES[status];
  if (own) return own;
  // 202 promises the file for later, which only another attempt can get.
  if (status === 202 || status === 408) return 'timeout';
  if (status === 204 || status === 205) return 'empty';
  if (status === 206) return 'truncated';
  if (status === 425 || status === 429) return 'rate_limited';
  if (status >= 500) return 'http_5xx';
  if (status >= 400) return 'http_4xx';
  // A redirect that the egress handed back has no target that it could follow (300, 304, 305).
  if (status >= 300) return 'redirect_refused';
  // 201, 207, 226 and the like describe something other than the file.
  return 'type_mismatch';
}

/**
 * Turns an answer into a stored asset. The caller destroys the body.
 * @throws ImportError with the HTTP status and content type of the answer, and the received bytes; LeaveSweep
 */
export async function receiveAsset(
  response: EgressResponse,
  request: FetchRequest,
  deps: SourceDeps,
  earlier: Earlier,
): Promise<Fetched> {
  const { status, headers } = response;
  const contentType = shownContentType(earlier.begun?.part.contentType ?? headerText(headers, 'content-type'));
  const answer = { httpStatus: status, ...(contentType === undefined ? {} : { contentType }) };
  let received: number | undefined;
  try {
    if (earlier.begun === null && !carriesFile(status)) {
      throw statusFailure(status, retryAfterMs(headerText(headers, 'retry-after')));
    }
    const asset = await receiveContent(response, request, deps, earlier, (bytes) => (received = bytes));
    return { kind: 'fetched', asset, validators: validatorsOf(headers), ...answer, received: received ?? 0 };
  } catch (error) {
    if (!(error instanceof ImportError)) throw error;
    const arrived = received === undefined ? {} : { bytes: received };
    throw new ImportError(
      error.code,
      error.message,
      { ...answer, ...arrived, ...error.details },
      { cause: error.cause },
    );
  }
}
