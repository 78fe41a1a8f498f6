import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ImportError } from '../../../src/domain/errors.js';
import type { Kind } from '../../../src/domain/import.js';
import type { SourceLimits } from '../../../src/download/source.js';
import { answers, type OriginHandler } from '../../servers/origin-server.js';
import { sampleMedia } from '../../support/sample-media.js';
import { startSourceRig, type SourceRig } from './source-rig.js';

const MP4 = sampleMedia('clip.mp4').body;
const TEXT = Buffer.from('0123456789'.repeat(30_000));
const LONG = Buffer.concat([MP4, Buffer.alloc(400_000, 7)]);
const video = { type: 'video/mp4' };
/** 270 KB of which gzip leaves some 600 bytes. */
const ROWS = Buffer.from('id,name,price\n'.repeat(19_300));
/** The most that is decoded whatever its ratio. */
const ZEROS = Buffer.concat([MP4, Buffer.alloc(8 * 1024 * 1024 - MP4.byteLength)]);

/** Node sends a line for each. */
const typed = (...types: readonly string[]) => ({ 'content-type': types as unknown as string });

interface Good {
  readonly answer: OriginHandler;
  readonly body: Buffer;
  readonly lengthVerified?: boolean;
  readonly mimeType?: string;
}

const GOOD: Readonly<Record<string, Good>> = {
  'a file with its length': { answer: answers.file(LONG, video), body: LONG },
  'a small file': { answer: answers.file(Buffer.from('x')), body: Buffer.from('x'), mimeType: 'text/plain' },
  'a file in chunks': { answer: answers.chunked(LONG, video), body: LONG },
  'a file that ends with the connection': {
    answer: answers.closeDelimited(LONG, video),
    body: LONG,
    lengthVerified: false,
  },
  'a file in unasked gzip': { answer: answers.encoded(LONG, { ...video, encoding: 'gzip' }), body: LONG },
  'a file in unasked deflate': { answer: answers.encoded(LONG, { ...video, encoding: 'deflate' }), body: LONG },
  'a file in raw deflate': { answer: answers.encoded(LONG, { ...video, encoding: 'deflate-raw' }), body: LONG },
  'a file in unasked brotli': { answer: answers.encoded(MP4, { ...video, encoding: 'br' }), body: MP4 },
  'a small file that gzip makes 500 times smaller': {
    answer: answers.encoded(ROWS, { type: 'text/csv' }),
    body: ROWS,
    mimeType: 'text/csv',
  },
  'a file of nearly 8 MiB that gzip makes 1000 times smaller': {
    answer: answers.encoded(ZEROS, video),
    body: ZEROS,
  },
  'a type twice': {
    answer: answers.file(TEXT, { headers: typed('text/csv', 'text/csv') }),
    body: TEXT,
    mimeType: 'text/csv',
  },
  'a type and then another': {
    answer: answers.file(TEXT, { headers: typed('text/html', 'text/csv') }),
    body: TEXT,
    mimeType: 'text/csv',
  },
  'a type and then none that can be read': {
    answer: answers.file(TEXT, { headers: typed('text/csv', 'nonsense') }),
    body: TEXT,
    mimeType: 'text/csv',
  },
  'a list of types in one line': {
    answer: answers.file(TEXT, { type: 'text/csv,text/csv' }),
    body: TEXT,
    mimeType: 'text/csv',
  },
  'a file that is encoded only when asked': {
    answer: answers.encoded(LONG, { ...video, whenAsked: true }),
    body: LONG,
  },
  'a file with identity as its encoding': {
    answer: answers.file(MP4, { ...video, headers: { 'content-encoding': 'identity' } }),
    body: MP4,
  },
  'more bytes than announced, of which only the announced count': {
    answer: answers.understated(LONG, { ...video, announced: MP4.byteLength }),
    body: MP4,
  },
  'a slow file above the floor': { answer: answers.drip(MP4, { ...video, bytes: 10_000, everyMs: 20 }), body: MP4 },
};

interface Bad {
  readonly answer: OriginHandler;
  readonly code: string;
  readonly stage: string;
  readonly status?: number;
  readonly kind?: Kind;
  readonly limits?: Partial<SourceLimits>;
  readonly message?: RegExp;
}

const retryAfter = { 'retry-after': '3' };
const BAD: Readonly<Record<string, Bad>> = {
  'status 401': { answer: answers.status(401), code: 'http_401', stage: 'headers', status: 401 },
  'status 403': { answer: answers.status(403), code: 'http_403', stage: 'headers', status: 403 },
  'status 404': { answer: answers.status(404), code: 'http_404', stage: 'headers', status: 404 },
  'status 410': { answer: answers.status(410), code: 'http_410', stage: 'headers', status: 410 },
  'status 418': { answer: answers.status(418), code: 'http_4xx', stage: 'headers', status: 418 },
  'status 408': { answer: answers.status(408), code: 'timeout', stage: 'headers', status: 408 },
  'status 429': { answer: answers.status(429, retryAfter), code: 'rate_limited', stage: 'headers', status: 429 },
  'status 503': { answer: answers.status(503, retryAfter), code: 'http_5xx', stage: 'headers', status: 503 },
  'status 204': { answer: answers.status(204, {}, ''), code: 'empty', stage: 'headers', status: 204 },
  'an unasked part': { answer: answers.status(206), code: 'truncated', stage: 'headers', status: 206 },
  'an error with an endless body': {
    answer: (_request, response) => {
      response.writeHead(500);
      response.write(Buffer.alloc(1_000_000));
    },
    code: 'http_5xx',
    stage: 'headers',
    status: 500,
  },
  'no answer at all': { answer: answers.stallBeforeHeaders(), code: 'timeout', stage: 'headers' },
  'something that is not HTTP': { answer: answers.garbage(), code: 'connect_failed', stage: 'headers' },
  'a huge header': { answer: answers.hugeHeader(), code: 'connect_failed', stage: 'headers' },
  'silence after the headers': { answer: answers.stallAfterHeaders(), code: 'timeout', stage: 'body', status: 200 },
  'silence within the body': { answer: answers.stallAfterHeaders(LONG), code: 'timeout', stage: 'body', status: 200 },
  'an early end': { answer: answers.truncated(LONG), code: 'truncated', stage: 'body', status: 200 },
  'an early end within the head': {
    answer: answers.truncated(Buffer.from('ab')),
    code: 'truncated',
    stage: 'body',
    status: 200,
  },
  'a reset within the body': {
    answer: answers.truncated(LONG, { reset: true }),
    code: 'truncated',
    stage: 'body',
    status: 200,
  },
  'a missing last chunk': { answer: answers.chunkedTruncated(LONG), code: 'truncated', stage: 'body', status: 200 },
  'a broken chunk': { answer: answers.chunkedBroken(LONG), code: 'truncated', stage: 'body', status: 200 },
  'an announced empty body': { answer: answers.empty(), code: 'empty', stage: 'body', status: 200 },
  'an empty body that ends with the connection': {
    answer: answers.closeDelimited(Buffer.alloc(0)),
    code: 'empty',
    stage: 'body',
    status: 200,
  },
  'an empty body in gzip': { answer: answers.encoded(Buffer.alloc(0)), code: 'empty', stage: 'body', status: 200 },
  'an empty body under gzip': {
    answer: answers.file(Buffer.alloc(0), { headers: { 'content-encoding': 'gzip' } }),
    code: 'empty',
    stage: 'body',
    status: 200,
  },
  'a file announced beyond the limit': {
    answer: answers.large(9 * 1024 * 1024),
    code: 'too_large',
    stage: 'body',
    status: 200,
    message: /larger than 8388608 bytes/,
  },
  'an endless body': { answer: answers.endless(), code: 'too_large', stage: 'body', status: 200 },
  'a body that decodes beyond the limit': {
    answer: answers.encoded(TEXT),
    limits: { maxBytes: 200_000 },
    code: 'too_large',
    stage: 'body',
    status: 200,
  },
  'a gzip bomb': {
    answer: answers.gzipBomb(),
    code: 'unsupported_encoding',
    stage: 'body',
    status: 200,
    message: /100 times/,
  },
  'a gzip bomb behind a video': {
    answer: answers.gzipBomb(MP4, 9 * 1024 * 1024, video),
    limits: { maxBytes: 1024 ** 3 },
    code: 'unsupported_encoding',
    stage: 'body',
    status: 200,
    message: /100 times/,
  },
  'gzip that is none': {
    answer: answers.file(MP4, { headers: { 'content-encoding': 'gzip' } }),
    code: 'unsupported_encoding',
    stage: 'body',
    status: 200,
  },
  'an unknown encoding': {
    answer: answers.file(MP4, { headers: { 'content-encoding': 'zstd' } }),
    code: 'unsupported_encoding',
    stage: 'headers',
    status: 200,
  },
  'an HTML page in place of a video': {
    answer: answers.htmlPage(),
    kind: 'video',
    code: 'type_mismatch',
    stage: 'type',
    status: 200,
    message: /login or error page/,
  },
  'an image in place of a video': {
    answer: answers.file(sampleMedia('picture.png').body, video),
    kind: 'video',
    code: 'type_mismatch',
    stage: 'type',
    status: 200,
  },
  'a drip below the floor': {
    answer: answers.drip(MP4, { everyMs: 50 }),
    limits: { minSpeedWindowMs: 500 },
    code: 'too_slow',
    stage: 'body',
    status: 200,
  },
};

describe('the source against an origin that', () => {
  let rig: SourceRig;
  beforeAll(async () => {
    rig = await startSourceRig();
  });
  afterAll(() => rig.close());

  it.each(Object.entries(GOOD))('sends %s stores its bytes under their hash', async (_name, good) => {
    const url = rig.origin.route('/good', good.answer);
    const { asset, httpStatus, received } = await rig.fetch(url);

    const stored = await rig.blobs.read(asset.sha256);
    expect(stored && (await buffer(stored)).equals(good.body)).toBe(true);
    expect(asset).toEqual({
      sha256: createHash('sha256').update(good.body).digest('hex'),
      bytes: good.body.byteLength,
      mimeType: good.mimeType ?? 'video/mp4',
      lengthVerified: good.lengthVerified ?? true,
    });
    expect(httpStatus).toBe(200);
    expect(received).toBeGreaterThan(0);
    expect(await rig.leftovers()).toEqual([]);
  });

  it.each(Object.entries(BAD))('sends %s fails with the documented code and stores nothing', async (_name, bad) => {
    const url = rig.origin.route('/bad', bad.answer);
    const failure = await rig.fetch(`${url}?token=canary`, { kind: bad.kind ?? 'file', limits: bad.limits ?? {} }).then(
      () => undefined,
      (error: unknown) => error as ImportError,
    );

    expect(failure).toMatchObject({ name: 'ImportError', code: bad.code, details: { stage: bad.stage } });
    expect(failure?.details.httpStatus).toBe(bad.status);
    expect(failure?.message).toMatch(bad.message ?? /\S/);
    expect(inspect(failure, { depth: 9 })).not.toMatch(/canary|127\.0\.0\.1/);
    expect(await rig.leftovers()).toEqual([]);
  });

  it('asks to wait passes the wait on', async () => {
    const url = rig.origin.route('/wait', answers.status(503, retryAfter));
    await expect(rig.fetch(url)).rejects.toMatchObject({ retryable: true, details: { retryAfterMs: 3_000 } });
  });

  it('fails twice succeeds at the third attempt', async () => {
    const url = rig.origin.route('/flaky', answers.flaky(answers.file(MP4, video), { failures: 2 }));
    await expect(rig.fetch(url)).rejects.toMatchObject({ code: 'http_5xx' });
    await expect(rig.fetch(url)).rejects.toMatchObject({ code: 'http_5xx' });
    await expect(rig.fetch(url)).resolves.toMatchObject({ asset: { bytes: MP4.byteLength } });
  });

  it('redirects is followed, within the limit', async () => {
    rig.origin.route('/target', answers.file(MP4, video));
    await expect(rig.fetch(rig.origin.route('/hop', answers.redirect('/target')))).resolves.toMatchObject({
      httpStatus: 200,
    });
    await expect(rig.fetch(rig.origin.route('/loop', answers.redirect('/loop')))).rejects.toMatchObject({
      code: 'redirect_refused',
    });
  });

  it('shows a content type with failures, without its parameters', async () => {
    const url = rig.origin.route('/shown', answers.htmlPage('text/html; token=canary'));
    await expect(rig.fetch(url, { kind: 'video' })).rejects.toMatchObject({
      details: { stage: 'type', httpStatus: 200, contentType: 'text/html' },
    });
  });

  it('is asked for the plain file by a named product', async () => {
    await rig.fetch(rig.origin.route('/asked', answers.file(MP4)));
    expect(rig.origin.requests.at(-1)?.headers).toMatchObject({
      'accept-encoding': 'identity',
      'user-agent': 'durable-import',
    });
  });
});
