import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { BlobStore } from '../../../src/blobs/blob-store.js';
import { ImportError } from '../../../src/domain/errors.js';
import { answers } from '../../servers/origin-server.js';
import { aVideo, rangedFile, sha256Of, withoutHeader, type RangedFileOptions } from '../../support/ranged-file.js';
import { startSourceRig, type SourceRig } from './source-rig.js';

const MIB = 1024 * 1024;
const ETAG = '"v1"';
const TOTAL = 10 * MIB;
const partKey = 'a-batch:00000001';
const options = { partKey, limits: { maxBytes: 1024 * MIB } };
const body = aVideo(TOTAL);

type Headers = Record<string, string>;
const range = (spoil: (start: number) => string) => (headers: Headers) => ({
  ...headers,
  'content-range': spoil(Number(/\d+/.exec(headers['content-range'] ?? '')?.[0])),
});

/** What a 206 may say that does not fit the part. */
const LIES: Readonly<Record<string, (headers: Headers) => Headers>> = {
  'begins elsewhere': range((start) => `bytes ${start + 1}-${TOTAL - 1}/${TOTAL}`),
  'ends early': range((start) => `bytes ${start}-${TOTAL - 2}/${TOTAL}`),
  'is of another length': range((start) => `bytes ${start}-${TOTAL - 1}/${TOTAL + 1}`),
  'does not tell the length': range((start) => `bytes ${start}-${TOTAL - 1}/*`),
  'counts in another unit': range((start) => `items ${start}-${TOTAL - 1}/${TOTAL}`),
  'tells no range': withoutHeader('content-range'),
  'is of another ETag': (headers) => ({ ...headers, etag: '"v2"' }),
  'has the ETag weakened': (headers) => ({ ...headers, etag: `W/${ETAG}` }),
  'has no ETag': withoutHeader('etag'),
  'is encoded': (headers) => ({ ...headers, 'content-encoding': 'gzip' }),
  'is of several parts': (headers) => ({ ...headers, 'content-type': 'multipart/byteranges; boundary=x' }),
  'announces fewer bytes than its range': (headers) => ({ ...headers, 'content-length': '10' }),
  'is a 416 in disguise': (headers) => ({ ...headers, 'content-range': `bytes */${TOTAL}` }),
};

describe('the rest of a body that was kept', () => {
  let rig: SourceRig;
  beforeAll(async () => {
    rig = await startSourceRig();
  });
  afterAll(() => rig.close());
  beforeEach(async () => {
    await (await rig.blobs.findPart(partKey))?.drop();
  });

  /** A file whose first answer broke off at 9 MiB. */
  async function broken(more: Partial<RangedFileOptions> = {}) {
    const file = rangedFile({ body, etag: ETAG, type: 'video/mp4', ...more, cuts: [9 * MIB, ...(more.cuts ?? [])] });
    const url = rig.origin.route('/file', file.handler);
    await expect(rig.fetch(url, options)).rejects.toMatchObject({ code: 'truncated' });
    const before = rig.origin.requests.length;
    return { file, url, asked: () => rig.origin.requests.slice(before).map(({ headers }) => headers.range) };
  }

  it.each(Object.entries(LIES))('that %s is not taken, and the whole file is asked for at once', async (_name, lie) => {
    const { url, asked } = await broken({ lie });
    const { asset, httpStatus, received } = await rig.fetch(url, options);
    expect({ sha256: asset.sha256, httpStatus, received }).toEqual({
      sha256: sha256Of(body),
      httpStatus: 200,
      received: TOTAL,
    });
    expect(asked()).toEqual([expect.stringMatching(/^bytes=\d+-$/), undefined]);
    expect(await rig.leftovers()).toEqual([]);
  });

  it('without a length of its own is not taken', async () => {
    const { url, asked } = await broken();
    const whole = answers.file(body, { headers: { etag: ETAG } });
    rig.origin.route('/file', (request, response) => {
      const start = Number(/\d+/.exec(request.headers.range ?? '')?.[0]);
      if (Number.isNaN(start)) {
        whole(request, response);
        return;
      }
      response.writeHead(206, { etag: ETAG, 'content-range': `bytes ${start}-${TOTAL - 1}/${TOTAL}` });
      response.write(body.subarray(start));
      response.end('and more than was announced');
    });
    await expect(rig.fetch(url, options)).resolves.toMatchObject({ httpStatus: 200, asset: { bytes: TOTAL } });
    expect(asked()).toHaveLength(2);
  });

  it('that is not there any more, because the file shrank, is followed by the whole file', async () => {
    const { file, url, asked } = await broken({ ifRange: false });
    const small = body.subarray(0, 5 * MIB);
    file.become({ body: small, etag: '"v2"' });
    await expect(rig.fetch(url, options)).resolves.toMatchObject({
      httpStatus: 200,
      asset: { sha256: sha256Of(small) },
    });
    expect(asked()).toHaveLength(2);
  });

  it('of a file that changed is never joined to it, even where If-Range is ignored', async () => {
    const other = aVideo(TOTAL);
    for (const ifRange of [true, false]) {
      const { file, url, asked } = await broken({ ifRange });
      file.become({ body: other, etag: '"v2"' });
      await expect(rig.fetch(url, options)).resolves.toMatchObject({
        asset: { sha256: sha256Of(other) },
        validators: { etag: '"v2"' },
      });
      expect(asked()).toHaveLength(ifRange ? 1 : 2);
    }
  });

  it('that comes as the whole file is taken from this very answer', async () => {
    const { url, asked } = await broken({ ranges: false });
    await expect(rig.fetch(url, options)).resolves.toMatchObject({
      httpStatus: 200,
      received: TOTAL,
      asset: { sha256: sha256Of(body) },
    });
    expect(asked()).toHaveLength(1);
  });

  it('of a source that never sends ranges is begun again each time, without being called a change', async () => {
    const { url } = await broken({ ranges: false, cuts: [9 * MIB, 9 * MIB, 9 * MIB] });
    for (let attempt = 2; attempt <= 4; attempt += 1)
      await expect(rig.fetch(url, options)).rejects.toMatchObject({ code: 'truncated' });
    await expect(rig.fetch(url, options)).resolves.toMatchObject({ asset: { sha256: sha256Of(body) } });
  });

  it('of a file that keeps changing fails as changed, once it has changed twice', async () => {
    const { file, url } = await broken({ cuts: [9 * MIB, 9 * MIB, 9 * MIB] });
    const codes: string[] = [];
    for (let version = 2; version <= 4; version += 1) {
      file.become({ body: aVideo(TOTAL), etag: `"v${version}"` });
      codes.push(await rig.fetch(url, options).then(String, (error: unknown) => (error as ImportError).code));
    }
    expect(codes).toEqual(['truncated', 'source_changed', 'source_changed']);
    const last = aVideo(TOTAL);
    file.become({ body: last, etag: '"v5"' });
    await expect(rig.fetch(url, options)).resolves.toMatchObject({ asset: { sha256: sha256Of(last) } });
  });

  it('says what broke off in the failure of a changed file, and another attempt may follow', async () => {
    const { file, url } = await broken({ cuts: [9 * MIB, 9 * MIB] });
    file.become({ body: aVideo(TOTAL), etag: '"v2"' });
    await expect(rig.fetch(url, options)).rejects.toMatchObject({ code: 'truncated' });
    file.become({ body: aVideo(TOTAL), etag: '"v3"' });
    await expect(rig.fetch(url, options)).rejects.toMatchObject({
      retryable: true,
      message: 'The file changed 2 times while it was being fetched, and the last transfer broke off',
      details: { stage: 'body', httpStatus: 200, bytes: expect.any(Number) },
    });
  });

  it('is resumed from the new position when it is interrupted again', async () => {
    const { url, asked } = await broken({ cuts: [0.5 * MIB] });
    const failure = (await rig.fetch(url, options).catch((error: unknown) => error)) as ImportError;
    expect(failure).toMatchObject({ code: 'truncated', details: { httpStatus: 206 } });
    expect(failure.details.bytes).toBeLessThanOrEqual(0.5 * MIB);
    const kept = (await rig.blobs.findPart(partKey))?.kept;
    await expect(rig.fetch(url, options)).resolves.toMatchObject({ asset: { sha256: sha256Of(body) } });
    expect(asked()[1]).toBe(`bytes=${kept}-`);
  });

  it('counts for the limit of the whole file', async () => {
    const { url } = await broken();
    const limits = { maxBytes: 9.5 * MIB };
    await expect(rig.fetch(url, { partKey, limits })).rejects.toMatchObject({ code: 'too_large' });
    expect(await rig.leftovers()).toEqual([]);
  });

  it('is refused together with the kept bytes when these are of the wrong type', async () => {
    const { url } = await broken();
    await expect(rig.fetch(url, { ...options, kind: 'image' })).rejects.toMatchObject({
      code: 'type_mismatch',
      details: { httpStatus: 206, contentType: 'video/mp4' },
    });
    expect(await rig.leftovers()).toEqual([]);
  });

  it('is no longer kept when the source refuses it for good, and is when it may come back', async () => {
    const { url } = await broken();
    rig.origin.route('/file', answers.status(503));
    await expect(rig.fetch(url, options)).rejects.toMatchObject({ code: 'http_5xx' });
    expect(await rig.blobs.findPart(partKey)).not.toBeNull();
    rig.origin.route('/file', answers.status(404));
    await expect(rig.fetch(url, options)).rejects.toMatchObject({ code: 'http_404' });
    expect(await rig.leftovers()).toEqual([]);
  });

  it('is asked for from the beginning when what was kept cannot be read', async () => {
    const { url, asked } = await broken();
    const unreadable: BlobStore = {
      ...rig.blobs,
      async findPart(key) {
        const part = await rig.blobs.findPart(key);
        const read = () => Promise.reject(new ImportError('storage_failed', 'The disk is broken', { stage: 'store' }));
        return part && { ...part, read };
      },
    };
    await expect(rig.fetch(url, { ...options, blobs: unreadable })).resolves.toMatchObject({
      httpStatus: 200,
      asset: { sha256: sha256Of(body) },
    });
    expect(asked()).toEqual([undefined]);
    expect(await rig.leftovers()).toEqual([]);
  });

  it('is not asked for while the store cannot say what was kept', async () => {
    const { url, asked } = await broken();
    const away = () => Promise.reject(new ImportError('storage_failed', 'The disk is gone', { stage: 'store' }));
    await expect(rig.fetch(url, { ...options, blobs: { ...rig.blobs, findPart: away } })).rejects.toMatchObject({
      code: 'storage_failed',
    });
    expect(asked()).toEqual([]);
  });
});
