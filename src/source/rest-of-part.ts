import { Readable } from 'node:stream';
import type { KeptPart } from '../contract/blob-part.js';
import type { EgressResponse } from '../contract/egress.js';
import { parseContentRange } from './content-range.js';
import { parseContentType } from './content-type.js';
import { headerText } from './header-text.js';

type Place = Pick<KeptPart, 'etag' | 'kept' | 'total'>;

/** Partial Content, and Range Not Satisfiable: the statuses that only a request for a range gets. */
export function answersRange(status: number): boolean {
  return status === 206 || status === 416;
}

/**
 * Takes a 206 or 416 as the rest of a part. Servers were seen to ignore If-Range, to send another range than was asked for, and to
 * repeat the range of a cache, so everything that the answer says has to fit.
 * @returns an answer whose body goes behind the kept bytes (an empty one when all of them were kept); null when it does not fit
 */
export function restOfPart(response: EgressResponse, part: Place): EgressResponse | null {
  return response.status === 206 ? partialRest(response, part) : emptyRest(response, part);
}

function partialRest(response: EgressResponse, { etag, kept, total }: Place): EgressResponse | null {
  const { headers } = response;
  const said = parseContentRange(headerText(headers, 'content-range'));
  const fits =
    said?.range?.start === kept &&
    said.range.end === total - 1 &&
    said.total === total &&
    // RFC 9110 section 15.3.7: a 206 has to carry the ETag that a 200 would.
    headerText(headers, 'etag') === etag &&
    headers['content-encoding'] === undefined &&
    headerText(headers, 'content-length') === String(total - kept) &&
    parseContentType(headerText(headers, 'content-type')) !== 'multipart/byteranges';
  return fits ? response : null;
}

/** RFC 9110 section 14.2: a range is only refused where If-Range holds, so nothing is missing behind a whole part. */
function emptyRest({ status, headers, body }: EgressResponse, { etag, kept, total }: Place): EgressResponse | null {
  const said = parseContentRange(headerText(headers, 'content-range'));
  const fits = kept === total && said?.range === undefined && said?.total === total && (headers.etag ?? etag) === etag;
  if (!fits) return null;
  body.destroy();
  return { status, headers: { etag, 'content-length': '0' }, body: Readable.from([], { objectMode: false }) };
}
