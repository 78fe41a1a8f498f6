import { ImportError } from '../domain/errors.js';
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
import { receiveBody, createSpeedFloor } from './receive-body.js';
import { Reception } from './reception.js';
import type { ResumePoint } from './resume.js';
import type { FetchRequest, SourceDeps, Fetched } from './source.js';
import { carriesFile, statusFailure } from './status-failure.js';
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
 * Begins to receive the body of an answer that carries a file, or the rest of one.
 * @throws ImportError unsupported_encoding, too_large; NeedsOwnActivity large
 */
function beginReception(
  { headers }: EgressResponse,
  request: FetchRequest,
  { limits }: SourceDeps,
  { begun }: ResumePoint,
): Reception {
  const encoding = parseEncoding(headerText(headers, 'content-encoding'));
  const { announced } = bodyFraming(headers);
  const { etag } = validatorsOf(headers);
  const offset = begun?.part.kept ?? 0;
  const total = announced === null ? null : offset + announced;
  const fingerprint = etag === undefined ? undefined : etagFingerprint(etag);
  const reception = new Reception(request, limits.maxBytes, { offset, total, encoding, etag: fingerprint });
  if (total !== null) reception.checkSize(total);
  return reception;
}

/**
 * Receives, checks and stores a body: off the wire, decoded, inspected, written.
 * @throws ImportError; NeedsOwnActivity; the reason of an aborted signal
 */
async function receiveContent(
  response: EgressResponse,
  request: FetchRequest,
  { blobs, limits }: SourceDeps,
  earlier: ResumePoint,
  reception: Reception,
): Promise<Asset> {
  const { headers, body } = response;
  const { begun, found } = earlier;
  const { encoding } = reception;
  const identity = begun?.part ?? partIdentityOf(response, request.partKey, found);
  const inspection =
    begun?.inspection ?? inspectContent(parseContentType(headerText(headers, 'content-type')), request);
  const floor = createSpeedFloor(limits.minSpeedBytesPerSecond, limits.minSpeedWindowMs);
  const wire = receiveBody(body, reception, floor);
  const content = encoding === 'identity' ? wire : decodeBody(wire, encoding);
  const bytesHint = encoding === 'identity' ? reception.total : null;
  try {
    const place = { blobs, earlier, identity, bytesHint };
    const { sha256, bytes, inspected } = await storeBody(content, reception, inspection, place);
    // The formats of all three codings mark their own end, so a decoded body is whole.
    const lengthVerified = bodyFraming(headers).verifiable || encoding !== 'identity';
    return { sha256, bytes, ...inspected, lengthVerified };
  } catch (error) {
    throw asSourceChanged(error, identity?.restarts ?? 0);
  }
}

/**
 * Turns an answer into a stored asset. The caller destroys the body.
 * @throws ImportError with the HTTP status and content type of the answer, and the received bytes; NeedsOwnActivity
 */
export async function receiveAsset(
  response: EgressResponse,
  request: FetchRequest,
  deps: SourceDeps,
  earlier: ResumePoint,
): Promise<Fetched> {
  const { status, headers } = response;
  const contentType = shownContentType(earlier.begun?.part.contentType ?? headerText(headers, 'content-type'));
  const answer = { httpStatus: status, ...(contentType === undefined ? {} : { contentType }) };
  let reception: Reception | undefined;
  try {
    if (earlier.begun === null && !carriesFile(status)) {
      throw statusFailure(status, retryAfterMs(headerText(headers, 'retry-after')));
    }
    reception = beginReception(response, request, deps, earlier);
    const asset = await receiveContent(response, request, deps, earlier, reception);
    return { kind: 'fetched', asset, validators: validatorsOf(headers), ...answer, received: reception.received };
  } catch (error) {
    if (!(error instanceof ImportError)) throw error;
    const arrived = reception === undefined ? {} : { bytes: reception.received };
    throw new ImportError(
      error.code,
      error.message,
      { ...answer, ...arrived, ...error.details },
      { cause: error.cause },
    );
  }
}
