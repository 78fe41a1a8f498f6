import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Validators } from '../../../src/download/source.js';
import { answers } from '../../servers/origin-server.js';
import { aVideo, rangedFile, sha256Of } from '../../support/ranged-file.js';
import { sampleMedia } from '../../support/sample-media.js';
import { startSourceRig, type SourceRig } from './source-rig.js';

const MIB = 1024 * 1024;
const { body } = sampleMedia('clip.mp4');
const DATE = 'Sat, 21 Nov 2026 07:28:00 GMT';
const notModified = { kind: 'not_modified', httpStatus: 304 };
const partKey = 'a-batch:00000001';
const limits = { maxBytes: 1024 * MIB };

describe('a file that was fetched before', () => {
  let rig: SourceRig;
  beforeAll(async () => {
    rig = await startSourceRig();
  });
  afterAll(() => rig.close());

  const sent = () => rig.origin.requests.at(-1)?.headers ?? {};

  it.each<[string, Validators, Record<string, string>]>([
    ['a strong ETag', { etag: '"v1"' }, { 'if-none-match': '"v1"' }],
    ['a weak ETag', { etag: 'W/"v1"' }, { 'if-none-match': 'W/"v1"' }],
    ['a date', { lastModified: DATE }, { 'if-modified-since': DATE }],
    ['both', { etag: '"v1"', lastModified: DATE }, { 'if-none-match': '"v1"' }],
  ])('is not sent again when it has %s and stayed as it was', async (_name, validators, asked) => {
    const file = rangedFile({ body, ...validators });
    const url = rig.origin.route('/same', file.handler);
    const first = await rig.fetch(url);
    expect(first.validators).toEqual(validators);
    expect(sent()).not.toHaveProperty('if-none-match');

    const served = file.served();
    expect(await rig.ask(url, { unless: first.validators })).toEqual(notModified);
    expect(sent()).toMatchObject(asked);
    expect(Object.keys(sent()).filter((name) => name.startsWith('if-'))).toEqual(Object.keys(asked));
    expect(file.served()).toBe(served);
  });

  it('is fetched when it changed', async () => {
    const file = rangedFile({ body, etag: '"v1"' });
    const url = rig.origin.route('/changed', file.handler);
    const { validators } = await rig.fetch(url);
    const other = aVideo(MIB);
    file.become({ body: other, etag: '"v2"', lastModified: DATE });
    await expect(rig.fetch(url, { unless: validators })).resolves.toMatchObject({
      asset: { sha256: sha256Of(other) },
      validators: { etag: '"v2"', lastModified: DATE },
    });
  });

  it.each<[string, Validators | undefined]>([
    ['nothing', undefined],
    ['no validator', {}],
  ])('cannot be unmodified where %s was asked for', async (_name, unless) => {
    const url = rig.origin.route('/unasked', answers.status(304, {}, ''));
    await expect(rig.ask(url, unless === undefined ? {} : { unless })).rejects.toMatchObject({
      code: 'redirect_refused',
      details: { httpStatus: 304 },
    });
  });

  it('is asked for behind a redirect with the same condition', async () => {
    rig.origin.route('/target', rangedFile({ body, etag: '"v1"' }).handler);
    const url = rig.origin.route('/hop', answers.redirect('/target'));
    expect(await rig.ask(url, { unless: { etag: '"v1"' } })).toEqual(notModified);
  });

  it('may be unmodified while a part of it is kept, which is then dropped', async () => {
    const file = rangedFile({ body: aVideo(10 * MIB), etag: '"v1"', cuts: [9 * MIB] });
    const url = rig.origin.route('/part', file.handler);
    await expect(rig.fetch(url, { partKey, limits })).rejects.toMatchObject({ code: 'truncated' });
    expect(await rig.ask(url, { partKey, limits, unless: { etag: '"v1"' } })).toEqual(notModified);
    expect(sent()).toMatchObject({ 'if-none-match': '"v1"', 'if-range': '"v1"', range: expect.any(String) });
    expect(await rig.leftovers()).toEqual([]);
  });

  it('resumes where it was interrupted when it is newer than what is stored', async () => {
    const newer = aVideo(10 * MIB);
    const url = rig.origin.route('/newer', rangedFile({ body: newer, etag: '"v2"', cuts: [9 * MIB] }).handler);
    const unless = { etag: '"v1"' };
    await expect(rig.fetch(url, { partKey, limits, unless })).rejects.toMatchObject({ code: 'truncated' });
    await expect(rig.fetch(url, { partKey, limits, unless })).resolves.toMatchObject({
      httpStatus: 206,
      asset: { sha256: sha256Of(newer) },
    });
  });

  it('is asked for with its condition again when the rest that comes does not fit', async () => {
    const newer = aVideo(10 * MIB);
    const spoilt = rangedFile({
      body: newer,
      etag: '"v2"',
      cuts: [9 * MIB],
      lie: (headers) => ({ ...headers, etag: '"v3"' }),
    });
    const url = rig.origin.route('/unfit', spoilt.handler);
    const unless = { etag: '"v1"' };
    await expect(rig.fetch(url, { partKey, limits, unless })).rejects.toMatchObject({ code: 'truncated' });
    await rig.fetch(url, { partKey, limits, unless });
    expect(sent()).toMatchObject({ 'if-none-match': '"v1"' });
    expect(sent()).not.toHaveProperty('range');
  });
});
