import type { BlobWriter } from '../contract/blob-writer.js';
import type { EgressResponse } from '../contract/egress.js';
import type { Asset } from '../contract/media.js';
import type { FetchRequest } from '../contract/source.js';
import { bodyFraming } from './body-framing.js';
import { parseContentType } from './content-type.js';
import { decodeBody, parseEncoding } from './decode-body.js';
import type { Earlier } from './earlier.js';
import { headerText } from './header-text.js';
import { inspectContent } from './inspect-content.js';
import { partIdentityOf } from './part-identity.js';
import { receiveBody } from './receive-body.js';
import { checkSize } from './size-limit.js';
import { asSourceChanged } from './source-changed.js';
import type { SourceDeps } from './source-deps.js';
import { createSpeedFloor } from './speed-floor.js';
import { storeBody } from './store-body.js';
import { etagFingerprint, validatorsOf } from './validators.js';

/**
 * Receives, checks and stores the body of an answer that carries a file, or the rest of one.
 * @param onReceived told the wire bytes of this body: 0 when it begins, then their number after every chunk
 * @throws ImportError; LeaveSweep; the reason of an aborted signal
 */
export async function receiveContent(
  response: EgressResponse,
  request: FetchRequest,
  { blobs, limits, reach }: SourceDeps,
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
      onWritten: () => reach?.('after_part_before_blob'),
    });
    // The formats of all three codings mark their own end, so a decoded body is whole.
    return { sha256, bytes, ...inspected, lengthVerified: verifiable || encoding !== 'identity' };
  } catch (error) {
    throw asSourceChanged(error, identity?.restarts ?? 0);
  }
}
