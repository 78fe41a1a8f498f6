import { Readable } from 'node:stream';
import type { KeptPart } from '../contract/blob-part.js';
import type { EgressResponse } from '../contract/egress.js';
import { parseContentRange } from './content-range.js';
import { parseContentType } from './content-type.js';
import { headerText } from './header-text.js';

type Place = Pick<KeptPart, 'etag' | 'kept' | 'total'>;

/**
 * Some servers answer 206 to a request without a range. Where the part is the whole file, it is what a 200 would be.
 * @returns that 200, with the length of the file; null for a part that is one, or that does not say so
 */
export function wholeFile(response: EgressResponse): EgressResponse | null {
  const { status, headers } = response;
  const { range, total = 0 } = parseContentRange(headerText(headers, 'content-range')) ?? {};
  if (status !== 206 || range?.start !== 0 || range.end !== total - 1 || isMultipart(headers)) return null;
  const length = headerText(headers, 'content-length')?.trim();
  if (length !== undefined && Number(length) !== total) return null;
  // Chunks tell their end themselves; a body that ends with the connection is held against the range.
  const framing = headers['transfer-encoding'] === undefined ? { 'content-length': String(total) } : {};
  return { ...response, status: 200, headers: { ...headers, ...framing } };
}

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
    !isMultipart(headers);
  return fits ? response : null;
}

function isMultipart(headers: EgressResponse['headers']): boolean {
  return parseContentType(headerText(headers, 'content-type')) === 'multipart/byteranges';
}

/** RFC 9110 section 14.2: a range is only refused where If-Range holds, so nothing is missing behind a whole part. */
function emptyRest({ status, headers, body }: EgressResponse, { etag, kept, total }: Place): EgressResponse | null {
  const said = parseContentRange(headerText(headers, 'content-range'));
  const fits = kept === total && said?.range === undefined && said?.total === total && (headers.etag ?? etag) === etag;
  if (!fits) return null;
  body.destroy();
  return { status, headers: { etag, 'content-length': '0' }, body: Readable.from([], { objectMode: false }) };
}
