import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { rawAnswer } from '../../servers/hostile-origin/raw-answers.js';
import { answers, type OriginHandler } from '../../servers/origin-server.js';
import { aVideo, rangedFile, sha256Of } from '../../support/ranged-file.js';
import { sampleMedia } from '../../support/sample-media.js';
import { startSourceRig, type SourceRig } from './source-rig.js';

const MIB = 1024 * 1024;
const { body: MP4, sha256 } = sampleMedia('clip.mp4');
const SIZE = MP4.byteLength;
const WHOLE = `bytes 0-${SIZE - 1}/${SIZE}`;

function part(
  range: string,
  headers: readonly string[] = [`content-length: ${SIZE}`],
  body: Uint8Array = MP4,
): OriginHandler {
  return rawAnswer([`content-range: ${range}`, 'content-type: video/mp4', ...headers], body, '206 Partial Content');
}

describe('a 206 to a request without a range', () => {
  let rig: SourceRig;
  beforeAll(async () => {
    rig = await startSourceRig();
  });
  afterAll(() => rig.close());

  it.each([
    ['with its length', part(WHOLE)],
    ['with its length, in another spelling', part(`Bytes  0-${SIZE - 1}/${SIZE}`.replace('  ', ' '))],
    [
      'in chunks',
      part(
        WHOLE,
        ['transfer-encoding: chunked'],
        Buffer.concat([Buffer.from(`${SIZE.toString(16)}\r\n`), MP4, Buffer.from('\r\n0\r\n\r\n')]),
      ),
    ],
    ['that ends with the connection', part(WHOLE, [])],
    ['after a redirect', part(WHOLE)],
  ])('is the file when it carries all of it, %s', async (how, answer) => {
    const to = rig.origin.route('/whole', answer);
    const url = how === 'after a redirect' ? rig.origin.route('/hop', answers.redirect('/whole')) : to;
    await expect(rig.fetch(url)).resolves.toMatchObject({
      httpStatus: 200,
      asset: { sha256, bytes: SIZE, mimeType: 'video/mp4', lengthVerified: true },
    });
  });

  it('is decoded when it carries all of an encoded file', async () => {
    const body = gzipSync(MP4);
    const range = `bytes 0-${body.byteLength - 1}/${body.byteLength}`;
    const answer = part(range, [`content-length: ${body.byteLength}`, 'content-encoding: gzip'], body);
    await expect(rig.fetch(rig.origin.route('/gzip', answer))).resolves.toMatchObject({ asset: { sha256 } });
  });

  it.each([
    ['begins later', part(`bytes 1-${SIZE - 1}/${SIZE}`, [`content-length: ${SIZE - 1}`], MP4.subarray(1))],
    ['ends earlier', part(`bytes 0-${SIZE - 2}/${SIZE}`, [`content-length: ${SIZE - 1}`], MP4.subarray(0, -1))],
    ['does not say how long the file is', part(`bytes 0-${SIZE - 1}/*`)],
    ['says nothing of a range', rawAnswer([`content-length: ${SIZE}`], MP4, '206 Partial Content')],
    ['counts in another unit', part(`items 0-${SIZE - 1}/${SIZE}`)],
    ['announces another length than its range', part(WHOLE, [`content-length: ${SIZE - 1}`])],
    ['holds several parts', part(WHOLE, [`content-length: ${SIZE}`, 'content-type: multipart/byteranges; boundary=x'])],
    ['is of no bytes', part('bytes 0--1/0', ['content-length: 0'], Buffer.alloc(0))],
  ])('fails with its reason when it %s', async (_how, answer) => {
    await expect(rig.fetch(rig.origin.route('/part', answer))).rejects.toMatchObject({
      code: 'truncated',
      message: 'The source sent a part of the file (206) although all of it was asked for',
      details: { stage: 'headers', httpStatus: 206 },
    });
    expect(await rig.leftovers()).toEqual([]);
  });

  it('is truncated when it ends with the connection before its range does', async () => {
    const url = rig.origin.route('/short', part(WHOLE, [], MP4.subarray(0, -5)));
    await expect(rig.fetch(url)).rejects.toMatchObject({ code: 'truncated', details: { stage: 'body' } });
  });
});

describe('a large file of a source that answers 206 to everything', () => {
  const partKey = 'a-batch:00000001';
  const options = { partKey, limits: { maxBytes: 1024 * MIB } };
  const body = aVideo(10 * MIB);
  const FILE = { body, etag: '"v1"', type: 'video/mp4', wholeAsPart: true, cuts: [9 * MIB] };
  let rig: SourceRig;
  beforeAll(async () => {
    rig = await startSourceRig();
  });
  afterAll(() => rig.close());
  beforeEach(() => rig.blobs.forgetPart(partKey));

  it.each([
    ['and supports ranges is resumed', true, 206, 2],
    ['and ignores ranges is taken as a whole at once', false, 200, 2],
  ])('%s', async (_how, ranges, httpStatus, requests) => {
    const before = rig.origin.requests.length;
    const url = rig.origin.route('/file', rangedFile({ ...FILE, ranges }).handler);
    await expect(rig.fetch(url, options)).rejects.toMatchObject({ code: 'truncated' });
    expect(await rig.blobs.findPart(partKey)).not.toBeNull();
    await expect(rig.fetch(url, options)).resolves.toMatchObject({
      httpStatus,
      asset: { sha256: sha256Of(body), bytes: body.byteLength },
    });
    expect(rig.origin.requests).toHaveLength(before + requests);
    expect(await rig.leftovers()).toEqual([]);
  });
});
