import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { Outage } from '../../../src/intake/outage.js';
import { aGateway, type TestGateway } from '../../support/gateway.js';

const BYTES = Buffer.from('0123456789');
const SHA256 = createHash('sha256').update(BYTES).digest('hex');
const PATH = `/assets/${SHA256}.mp4`;

describe('GET /assets/<sha256>.<ext>', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await aGateway();
    const writer = await gateway.blobs.createWriter(BYTES.length);
    await writer.write(BYTES);
    await writer.commit(SHA256);
  });
  afterAll(() => gateway.close());

  const get = (headers: Record<string, string> = {}, path = PATH) => gateway.client.call('GET', path, { headers });

  it('answers the bytes to anyone who knows their hash', async () => {
    const answer = await get();

    expect(answer.status).toBe(200);
    expect(answer.text).toBe('0123456789');
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'video/mp4',
      'content-length': '10',
      'content-disposition': 'inline',
      etag: `"${SHA256}"`,
      'accept-ranges': 'bytes',
      'cache-control': 'public, max-age=31536000, immutable',
      'x-content-type-options': 'nosniff',
    });
  });

  it.each([
    ['bytes=2-5', 206, '2345', 'bytes 2-5/10'],
    ['bytes=7-', 206, '789', 'bytes 7-9/10'],
    ['bytes=-2', 206, '89', 'bytes 8-9/10'],
    ['bytes=0-1,4-5', 200, '0123456789', null],
    ['lines=1-2', 200, '0123456789', null],
  ])('answers the range %s', async (range, status, text, contentRange) => {
    const answer = await get({ range });

    expect(answer.status).toBe(status);
    expect(answer.text).toBe(text);
    expect(answer.headers.get('content-range')).toBe(contentRange);
    expect(answer.headers.get('content-length')).toBe(String(text.length));
  });

  it.each([
    ['fails', () => Promise.reject(new Outage('blobs')), 503],
    ['finds nothing any more', () => Promise.resolve(null), 404],
  ])('does not let caches keep the answer when the read %s', async (_name, read, status) => {
    const broken = await aGateway({
      replace: ({ blobs }) => ({
        blobs: {
          ping: () => blobs.ping(),
          stat: () => Promise.resolve({ bytes: BYTES.length, modifiedAt: new Date() }),
          read,
        },
      }),
    });

    const answer = await broken.client.call('GET', PATH, { headers: { range: 'bytes=2-5' } });
    await broken.close();

    expect(answer.status).toBe(status);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    for (const name of ['etag', 'content-range', 'content-disposition']) expect(answer.headers.has(name)).toBe(false);
  });

  it('answers a range beyond the end with 416', async () => {
    const answer = await get({ range: 'bytes=10-' });

    expect(answer.status).toBe(416);
    expect(answer.headers.get('content-range')).toBe('bytes */10');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.body).toMatchObject({ status: 416, error: 'Range Not Satisfiable' });
  });

  it.each([`"${SHA256}"`, `W/"${SHA256}"`, `"x", "${SHA256}"`, '*'])(
    'answers If-None-Match %s with 304',
    async (etag) => {
      const answer = await get({ 'if-none-match': etag });

      expect(answer.status).toBe(304);
      expect(answer.text).toBe('');
      expect(answer.headers.get('etag')).toBe(`"${SHA256}"`);
    },
  );

  it.each([
    [`"${SHA256}"`, 206],
    [`W/"${SHA256}"`, 200],
    ['"other"', 200],
    ['Sat, 29 Oct 1994 19:43:31 GMT', 200],
  ])('answers If-Range %s with %i', async (ifRange, status) => {
    expect((await get({ range: 'bytes=0-1', 'if-range': ifRange })).status).toBe(status);
  });

  it('answers HEAD with headers alone and ignores its range', async () => {
    const answer = await gateway.client.call('HEAD', PATH, { headers: { range: 'bytes=0-1' } });

    expect(answer.status).toBe(200);
    expect(answer.text).toBe('');
    expect(answer.headers.get('content-length')).toBe('10');
    expect(answer.headers.get('content-type')).toBe('video/mp4');
  });

  it.each([
    ['html', 'application/octet-stream'],
    ['svg', 'image/svg+xml'],
    ['xyzzy', 'application/octet-stream'],
  ])('offers .%s for saving', async (extension, contentType) => {
    const answer = await get({}, `/assets/${SHA256}.${extension}`);

    expect(answer.headers.get('content-type')).toBe(contentType);
    expect(answer.headers.get('content-disposition')).toBe(`attachment; filename="${SHA256}.${extension}"`);
  });

  it.each([
    ['an unknown hash', `/assets/${'0'.repeat(64)}.mp4`],
    ['half a hash', '/assets/abc.mp4'],
    ['upper case', `/assets/${SHA256.toUpperCase()}.mp4`],
    ['no extension', `/assets/${SHA256}`],
    ['a way out of the folder', '/assets/..%2f..%2fetc%2fpasswd'],
  ])('answers %s with 404', async (_name, path) => {
    const answer = await get({}, path);

    expect(answer.status).toBe(404);
    expect(answer.body).toEqual({ status: 404, error: 'Not Found', error_details: { url: path } });
  });
});
