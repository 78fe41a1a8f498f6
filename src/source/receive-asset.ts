import type { BlobStore } from '../contract/blob-store.js';
import type { EgressResponse } from '../contract/egress.js';
import { ImportError } from '../contract/errors.js';
import type { FetchRequest, Fetched } from '../contract/source.js';
import { bodyFraming } from './body-framing.js';
import { parseContentType, shownContentType } from './content-type.js';
import { decodeBody, parseEncoding } from './decode-body.js';
import { decideType } from './decide-type.js';
import { headerText } from './header-text.js';
import { type Dimensions, imageDimensions } from './image-dimensions.js';
import { receiveBody } from './receive-body.js';
import { retryAfterMs } from './retry-after.js';
import { checkSize } from './size-limit.js';
import { sniffType } from './sniff-type.js';
import type { SourceLimits } from './source-limits.js';
import { createSpeedFloor } from './speed-floor.js';
import { carriesFile, statusFailure } from './status-failure.js';
import { storeBody } from './store-body.js';

interface Deps {
  readonly blobs: BlobStore;
  readonly limits: SourceLimits;
}

/**
 * Turns an answer into a stored asset. The caller destroys the body.
 * @throws ImportError with the HTTP status and content type of the answer; LeaveSweep
 */
export async function receiveAsset(response: EgressResponse, request: FetchRequest, deps: Deps): Promise<Fetched> {
  const { status, headers } = response;
  const contentType = shownContentType(headerText(headers, 'content-type'));
  const answer = { httpStatus: status, ...(contentType === undefined ? {} : { contentType }) };
  try {
    if (!carriesFile(status)) throw statusFailure(status, retryAfterMs(headerText(headers, 'retry-after')));
    return { ...(await receive(response, request, deps)), ...answer };
  } catch (error) {
    if (!(error instanceof ImportError)) throw error;
    throw new ImportError(error.code, error.message, { ...answer, ...error.details }, { cause: error.cause });
  }
}

async function receive(
  { headers, body }: EgressResponse,
  request: FetchRequest,
  { blobs, limits }: Deps,
): Promise<Pick<Fetched, 'asset' | 'received'>> {
  const { signal, sweepBytes } = request;
  const { announced, verifiable } = bodyFraming(headers);
  const encoding = parseEncoding(headerText(headers, 'content-encoding'));
  const size = { maxBytes: limits.maxBytes, sweepBytes };
  if (announced !== null) checkSize(announced, size);

  let received = 0;
  const wire = receiveBody(body, {
    announced,
    size,
    floor: createSpeedFloor(limits.minSpeedBytesPerSecond, limits.minSpeedWindowMs),
    signal,
    onReceived(bytes) {
      received = bytes;
      request.onProgress?.(bytes);
    },
  });
  const { sha256, bytes, inspected } = await storeBody(encoding === 'identity' ? wire : decodeBody(wire, encoding), {
    blobs,
    bytesHint: encoding === 'identity' ? announced : null,
    size,
    signal,
    inspect: (head) => inspect(parseContentType(headerText(headers, 'content-type')), head, request),
  });
  // The formats of all three codings mark their own end, so a decoded body is whole.
  return { asset: { sha256, bytes, ...inspected, lengthVerified: verifiable || encoding !== 'identity' }, received };
}

async function inspect(
  header: string | undefined,
  head: Uint8Array,
  { mediaType, url }: FetchRequest,
): Promise<{ readonly mimeType: string } & Partial<Dimensions>> {
  const decision = decideType(header, await sniffType(head), mediaType, url);
  if ('refused' in decision) throw new ImportError('type_mismatch', decision.refused, { stage: 'type' });
  return { ...decision, ...imageDimensions(decision.mimeType, head) };
}
