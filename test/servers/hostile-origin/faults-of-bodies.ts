import { gzipSync } from 'node:zlib';
import { answers } from '../origin-server.js';
import { CANARY, failed, success, type Fault } from './fault.js';
import { GOOD_VIDEO, MP4 } from './good-answers.js';
import { rawAnswer } from './raw-answers.js';

const MIB = 1024 ** 2;

/** What the tests allow a file to have; DOWNLOAD_MAX_BYTES is far beyond what a test can send. */
export const MAX_BYTES = 10 * MIB;

const video = { type: 'video/mp4' };
const HALF = MP4.body.subarray(0, MP4.body.byteLength >> 1);
const ARCHIVE = gzipSync(CANARY.repeat(100));
const encodedAs = (coding: string) => ({ ...video, headers: { 'content-encoding': coding } });

export const TRANSFER_FAULTS: readonly Fault[] = [
  {
    source: 'takes the request and never answers',
    answer: () => answers.stallBeforeHeaders(),
    ends: failed('timeout', 10),
    limit: 'headers',
  },
  {
    source: 'falls silent after the headers',
    answer: () => answers.stallAfterHeaders(),
    ends: failed('timeout', 10),
    limit: 'idle',
  },
  {
    source: 'falls silent within the body',
    answer: () => answers.stallAfterHeaders(MP4.body, video),
    ends: failed('timeout', 10),
    limit: 'idle',
  },
  {
    source: 'drips, slower than the minimum speed',
    answer: () => answers.drip(MP4.body, { ...video, everyMs: 50 }),
    ends: failed('too_slow', 10),
    limit: 'speed',
  },
  {
    source: 'ends the body early',
    answer: () => answers.truncated(HALF, { ...video, announced: MP4.body.byteLength }),
    ends: failed('truncated', 10),
  },
  {
    source: 'resets the connection within the body',
    answer: () => answers.truncated(HALF, { ...video, announced: MP4.body.byteLength, reset: true }),
    ends: failed('truncated', 10),
  },
  {
    source: 'leaves out the last chunk',
    answer: () => answers.chunkedTruncated(MP4.body, video),
    ends: failed('truncated', 10),
  },
  {
    source: 'sends a broken chunk',
    answer: () => answers.chunkedBroken(MP4.body, video),
    ends: failed('truncated', 10),
  },
  {
    source: 'ends the lines of its chunks in LF alone',
    answer: () =>
      rawAnswer(
        ['transfer-encoding: chunked'],
        Buffer.concat([Buffer.from(`${MP4.body.byteLength.toString(16)}\n`), MP4.body, Buffer.from('\n0\n\n')]),
      ),
    ends: failed('truncated', 10),
  },
  {
    source: 'names the transfer coding that is none (identity)',
    answer: () => rawAnswer(['transfer-encoding: identity', `content-length: ${MP4.body.byteLength}`], MP4.body),
    ends: success(GOOD_VIDEO),
  },
  {
    source: 'sends more than it announced',
    answer: () =>
      answers.understated(Buffer.concat([MP4.body, Buffer.from(CANARY)]), {
        ...video,
        announced: MP4.body.byteLength,
      }),
    ends: success(GOOD_VIDEO),
  },
  {
    source: 'ends the body with the connection',
    answer: () => answers.closeDelimited(MP4.body, video),
    ends: success({ ...GOOD_VIDEO, lengthVerified: false }),
  },
  {
    source: 'ends the body with the connection, too early',
    answer: () => answers.closeDelimited(HALF, video),
    ends: success({ bytes: HALF.byteLength, mimeType: 'video/mp4', lengthVerified: false }),
  },
  {
    source: 'resets the connection that should have ended the body',
    answer: () => answers.closeDelimited(HALF, { ...video, reset: true }),
    ends: failed('truncated', 10),
  },
  { source: 'sends no byte', answer: () => answers.empty(video), ends: failed('empty', 1) },
  {
    source: 'sends no chunk but the last',
    answer: () => rawAnswer(['transfer-encoding: chunked'], '0\r\n\r\n'),
    ends: failed('empty', 1),
  },
  {
    source: 'announces more than `DOWNLOAD_MAX_BYTES`',
    answer: () => answers.large(MAX_BYTES + 1, { ...video, head: MP4.body }),
    ends: failed('too_large', 1),
  },
  {
    source: 'sends without end',
    answer: () => answers.endless({ ...video, head: MP4.body }),
    ends: failed('too_large', 1),
    limit: 'attempt',
  },
];

export const ENCODING_FAULTS: readonly Fault[] = [
  {
    source: 'encodes the body with gzip, unasked',
    answer: () => answers.encoded(MP4.body, video),
    ends: success(GOOD_VIDEO),
  },
  {
    source: 'sends a gzip that is larger than `DOWNLOAD_MAX_BYTES` when decoded',
    answer: () => answers.encoded(lessThanBomb(MAX_BYTES + MIB), video),
    ends: failed('too_large', 1),
  },
  {
    source: 'sends a gzip that is a bomb by its ratio, but small',
    answer: () => answers.gzipBomb(MP4.body.subarray(0, 64), MIB, video),
    ends: success({ bytes: 64 + MIB, mimeType: 'video/mp4', lengthVerified: true }),
  },
  {
    source: 'sends a gzip bomb',
    answer: () => answers.gzipBomb(MP4.body.subarray(0, 64), 9 * MIB, video),
    ends: failed('unsupported_encoding', 1),
  },
  {
    source: 'encodes the body twice',
    answer: () => answers.file(gzipSync(gzipSync(MP4.body)), encodedAs('gzip, gzip')),
    ends: failed('unsupported_encoding', 1),
  },
  {
    source: 'announces gzip and sends something else',
    answer: () => answers.file(MP4.body, encodedAs('gzip')),
    ends: failed('unsupported_encoding', 1),
  },
  {
    source: 'ends a gzip early',
    answer: () => answers.file(gzipSync(MP4.body).subarray(0, -100), encodedAs('gzip')),
    ends: failed('truncated', 10),
  },
  {
    source: 'encodes the body in a way that was not requested and is rarely supported (zstd)',
    answer: () => answers.file(MP4.body, encodedAs('zstd')),
    ends: failed('unsupported_encoding', 1),
  },
  {
    source: 'names a word as its encoding that is none (none, binary, utf-8)',
    answer: () => answers.file(MP4.body, encodedAs('utf-8')),
    ends: success(GOOD_VIDEO),
  },
  {
    source: 'announces aws-chunked and sends the plain body',
    answer: () => answers.file(MP4.body, encodedAs('aws-chunked')),
    ends: success(GOOD_VIDEO),
  },
  {
    source: 'sends the chunks of aws-chunked',
    answer: () =>
      answers.file(Buffer.from(`${CANARY.length.toString(16)}\r\n${CANARY}\r\n0\r\n\r\n`), encodedAs('aws-chunked')),
    ends: failed('unsupported_encoding', 1),
  },
  {
    source: 'sends a `.tar.gz` as application/gzip, and names its compression as the encoding',
    kind: 'file',
    answer: () => answers.file(ARCHIVE, { type: 'application/gzip', headers: { 'content-encoding': 'gzip' } }),
    ends: success({ bytes: ARCHIVE.byteLength, mimeType: 'application/gzip', lengthVerified: true }),
  },
  {
    source: 'lays a transfer coding other than chunked over the body',
    answer: () => rawAnswer(['transfer-encoding: gzip'], gzipSync(MP4.body)),
    ends: failed('unsupported_encoding', 1),
  },
];

/** A video that gzip makes some 40 times smaller, below the ratio of a bomb. */
function lessThanBomb(bytes: number): Buffer {
  const body = Buffer.alloc(bytes, 'a');
  MP4.body.copy(body);
  for (let at = MP4.body.byteLength; at < bytes; at += 300)
    body.writeUInt32BE((at * 2_654_435_761) % 2 ** 32, Math.min(at, bytes - 4));
  return body;
}
