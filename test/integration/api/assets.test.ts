import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { Outage } from '../../../src/temporal/client.js';
import { aMediaWrite, anAsset } from '../../support/builders.js';
import { eventually } from '../../support/eventually.js';
import { aGateway, type TestGateway } from '../../support/gateway.js';

const BYTES = Buffer.from('0123456789');
const SHA256 = createHash('sha256').update(BYTES).digest('hex');
const PATH = `/assets/${SHA256}.mp4`;

/** Stores bytes as an import does, and answers their hash. */
async function store({ blobs, store: { media } }: TestGateway, bytes: Buffer, mimeType: string): Promise<string> {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const writer = await blobs.createWriter(bytes.length);
  await writer.write(bytes);
  await writer.commit(sha256);
  const asset = anAsset('', { sha256, bytes: bytes.length, mimeType });
  await media.upsert(aMediaWrite({ externalId: sha256 + mimeType, asset }));
  return sha256;
}

describe('GET /assets/<sha256>.<ext>', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await aGateway();
    await store(gateway, BYTES, 'video/mp4');
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
    await store(broken, BYTES, 'video/mp4');

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
    ['text/html', 'html', 'application/octet-stream', 'bin'],
    ['image/svg+xml', 'svg', 'image/svg+xml', 'svg'],
    ['application/vnd.ms-htmlhelp', 'chm', 'application/octet-stream', 'bin'],
    ['application/x-nothing-known', 'bin', 'application/octet-stream', 'bin'],
  ])('offers %s for saving, active types without a label', async (mimeType, extension, contentType, savedAs) => {
    const sha256 = await store(gateway, Buffer.from(mimeType), mimeType);

    const answer = await get({}, `/assets/${sha256}.${extension}`);

    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe(contentType);
    expect(answer.headers.get('content-disposition')).toBe(`attachment; filename="${sha256}.${savedAs}"`);
  });

  it.each(['html', 'hta', 'pdf', 'txt', 'bin', 'svg'])(
    'answers 404 under .%s, which is not what the bytes were found to be',
    async (extension) => {
      for (const method of ['GET', 'HEAD'])
        expect((await gateway.client.call(method, `/assets/${SHA256}.${extension}`)).status).toBe(404);
    },
  );

  it('answers under each of the types that records have, and not without a record', async () => {
    const sha256 = await store(gateway, Buffer.from('a,b'), 'text/csv');
    expect((await get({}, `/assets/${sha256}.csv`)).status).toBe(200);
    const twice = await store(gateway, Buffer.from('c,d'), 'text/csv');
    await store(gateway, Buffer.from('c,d'), 'text/plain');
    const alone = createHash('sha256').update('alone').digest('hex');
    const writer = await gateway.blobs.createWriter(5);
    await writer.write(Buffer.from('alone'));
    await writer.commit(alone);

    for (const extension of ['csv', 'txt']) expect((await get({}, `/assets/${twice}.${extension}`)).status).toBe(200);
    expect((await get({}, `/assets/${alone}.bin`)).status).toBe(404);
  });

  describe('that is not read by its clients', () => {
    const large = Buffer.alloc(6 * 1024 ** 2, 1);
    let counted: TestGateway;
    let path: string;
    const opened = { now: 0, most: 0 };
    const sockets: Socket[] = [];
    beforeAll(async () => {
      counted = await aGateway({
        settings: { maxOpenAssets: 3 },
        replace: ({ blobs }) => ({
          blobs: {
            ping: () => blobs.ping(),
            stat: (sha256) => blobs.stat(sha256),
            read: async (sha256, range) => {
              const body = await blobs.read(sha256, range);
              opened.now += 1;
              opened.most = Math.max(opened.most, opened.now);
              body?.once('close', () => (opened.now -= 1));
              return body;
            },
          },
        }),
      });
      path = `/assets/${await store(counted, large, 'video/mp4')}.mp4`;
    });
    afterAll(() => counted.close());
    const unread = (times: number) => {
      const socket = connect(Number(new URL(counted.origin).port), '127.0.0.1');
      socket.on('error', () => undefined);
      socket.pause();
      socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(times));
      sockets.push(socket);
    };
    const leave = async () => {
      for (const socket of sockets.splice(0)) socket.destroy();
      await eventually('all files closed', () => opened.now === 0);
      opened.most = 0;
    };

    it('holds one file for 3,000 requests that are sent ahead', async () => {
      unread(3_000);
      await eventually('an open file', () => opened.now === 1);
      // Whatever the connection could still begin would be begun before an answer that came later.
      for (let count = 0; count < 5; count += 1)
        expect((await counted.client.call('GET', '/healthz')).status).toBe(200);

      expect(opened.most).toBe(1);
      await leave();
    });

    it('holds as many files as may be open, tells others to come back, and goes on when readers leave', async () => {
      for (let count = 0; count < 10; count += 1) unread(1);
      await eventually('as many open files as there may be', () => opened.now === 3);
      const busy = await counted.client.call('GET', path);

      expect(busy.status).toBe(503);
      expect(busy.headers.get('retry-after')).toBe('2');
      expect(busy.headers.get('cache-control')).toBe('no-store');
      expect(opened.most).toBe(3);
      expect((await counted.client.call('HEAD', path)).status).toBe(200);
      await leave();
      expect((await counted.client.call('GET', path)).status).toBe(200);
    });
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
