import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { answers, type OriginHandler } from '../../servers/origin-server.js';
import { aVideo, rangedFile, sha256Of } from '../../support/ranged-file.js';
import { startSourceRig, type SourceRig } from './source-rig.js';

const MIB = 1024 * 1024;
const LARGE = aVideo(10 * MIB);
const SMALL = aVideo(8 * MIB - 1);
const strong = { etag: '"v1"' };
const partKey = 'a-batch:00000001';
const limits = { maxBytes: 1024 * MIB };

function cutOnce(body: Buffer, headers: Record<string, string>, etag: { etag?: string } = strong): OriginHandler {
  return rangedFile({ body, ...etag, headers, cuts: [7 * MIB] }).handler;
}

/** Bodies that break off at 7 MiB, or are cut off by the client when they never end by themselves. */
const BODIES: Readonly<Record<string, { handler: OriginHandler; code?: string }>> = {
  'has a weak ETag': { handler: cutOnce(LARGE, {}, { etag: 'W/"v1"' }) },
  'has no ETag': { handler: cutOnce(LARGE, {}, {}) },
  'has an ETag without quotes': { handler: cutOnce(LARGE, {}, { etag: 'v1' }) },
  'has an empty ETag': { handler: cutOnce(LARGE, {}, { etag: '""' }) },
  'has an ETag of more than 1 KiB': { handler: cutOnce(LARGE, {}, { etag: `"${'v'.repeat(1024)}"` }) },
  'comes from a source that says it sends no ranges': { handler: cutOnce(LARGE, { 'accept-ranges': 'None' }) },
  'is below 8 MiB': { handler: cutOnce(SMALL, {}) },
  'is encoded': { handler: cutOnce(LARGE, { 'content-encoding': 'gzip' }), code: 'unsupported_encoding' },
  'was changed by a proxy (203)': {
    handler: (_request, response) => {
      response.writeHead(203, { ...strong, 'content-length': LARGE.byteLength });
      response.write(LARGE.subarray(0, 7 * MIB), () => response.socket?.destroy());
    },
  },
  'has no length': {
    handler: (_request, response) => {
      response.writeHead(200, strong);
      response.write(LARGE.subarray(0, 7 * MIB), () => response.socket?.destroy());
    },
  },
};

describe('nothing is kept of a body that', () => {
  let rig: SourceRig;
  beforeAll(async () => {
    rig = await startSourceRig();
  });
  afterAll(() => rig.close());

  it.each(Object.entries(BODIES))('%s', async (_name, { handler, code = 'truncated' }) => {
    const url = rig.origin.route('/file', handler);
    await expect(rig.fetch(url, { partKey, limits })).rejects.toMatchObject({ code });
    expect(await rig.leftovers()).toEqual([]);
    await rig.fetch(url, { partKey, limits }).catch(() => undefined);
    expect(rig.origin.requests.at(-1)?.headers).not.toHaveProperty('range');
  });

  it('is fetched without a key', async () => {
    const url = rig.origin.route('/file', cutOnce(LARGE, {}));
    await expect(rig.fetch(url, { limits })).rejects.toMatchObject({ code: 'truncated', details: { httpStatus: 200 } });
    expect(await rig.leftovers()).toEqual([]);
  });

  it('leaves a sweep', async () => {
    const url = rig.origin.route('/file', rangedFile({ body: LARGE, ...strong, headers: {} }).handler);
    await expect(rig.fetch(url, { limits, inlineBytes: 8 * MIB })).rejects.toMatchObject({ name: 'NeedsOwnActivity' });
    expect(await rig.leftovers()).toEqual([]);
  });

  it('is of the wrong type', async () => {
    const url = rig.origin.route('/file', rangedFile({ body: LARGE, ...strong }).handler);
    await expect(rig.fetch(url, { partKey, limits, kind: 'image' })).rejects.toMatchObject({ code: 'type_mismatch' });
    expect(await rig.leftovers()).toEqual([]);
  });

  it('cannot be kept any more, and what was kept of it before is dropped', async () => {
    const url = rig.origin.route('/file', cutOnce(LARGE, {}));
    await expect(rig.fetch(url, { partKey, limits })).rejects.toMatchObject({ code: 'truncated' });
    expect(await rig.leftovers()).not.toEqual([]);
    rig.origin.route('/file', answers.chunked(LARGE));
    await expect(rig.fetch(url, { partKey, limits })).resolves.toMatchObject({ asset: { sha256: sha256Of(LARGE) } });
    expect(await rig.leftovers()).toEqual([]);
  });
});
