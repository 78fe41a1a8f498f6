import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createFakeResolver } from '../../support/fake-resolver.js';
import { answers } from '../../servers/origin-server.js';
import { aVideo, rangedFile, sha256Of } from '../../support/ranged-file.js';
import { startSourceRig, type SourceRig } from './source-rig.js';

const MIB = 1024 * 1024;
const partKey = 'a-batch:00000001';
const options = { partKey, limits: { maxBytes: 1024 * MIB } };
const body = aVideo(10 * MIB);

describe('a download that goes on', () => {
  let rig: SourceRig;
  beforeAll(async () => {
    rig = await startSourceRig();
  });
  afterAll(() => rig.close());
  beforeEach(async () => {
    await (await rig.blobs.findPart(partKey))?.drop();
  });

  it('follows a redirect that leads elsewhere meanwhile, to the same file', async () => {
    rig.origin.route('/a', rangedFile({ body, etag: '"v1"', cuts: [9 * MIB] }).handler);
    rig.origin.route('/b', rangedFile({ body, etag: '"v1"' }).handler);
    const url = rig.origin.route('/hop', answers.redirect('/a'));
    await expect(rig.fetch(url, options)).rejects.toMatchObject({ code: 'truncated' });
    rig.origin.route('/hop', answers.redirect('/b', 307));
    await expect(rig.fetch(url, options)).resolves.toMatchObject({
      httpStatus: 206,
      asset: { sha256: sha256Of(body) },
    });
    expect(rig.origin.requests.at(-1)).toMatchObject({ path: '/b', headers: { 'if-range': '"v1"' } });
  });

  it('brings the cookie that a redirect sets anew, and so does a request for what is newer', async () => {
    const file = rangedFile({ body, etag: '"v1"', cuts: [9 * MIB] });
    let logins = 0;
    rig.origin.route('/behind', (request, response) => {
      (request.headers.cookie === `session=${logins}` ? file.handler : answers.status(403))(request, response);
    });
    const url = rig.origin.route('/login', (request, response) => {
      expect(request.headers.cookie).toBeUndefined();
      logins += 1;
      answers.status(302, { location: '/behind', 'set-cookie': `session=${logins}; Path=/` })(request, response);
    });
    await expect(rig.fetch(url, options)).rejects.toMatchObject({ code: 'truncated' });
    const { asset, httpStatus, validators } = await rig.fetch(url, options);
    expect({ httpStatus, sha256: asset.sha256 }).toEqual({ httpStatus: 206, sha256: sha256Of(body) });
    expect(rig.origin.requests.at(-1)?.headers).toMatchObject({ cookie: 'session=2', 'if-range': '"v1"' });
    expect(await rig.ask(url, { ...options, unless: validators })).toMatchObject({ kind: 'not_modified' });
    expect(rig.origin.requests.at(-1)?.headers).toMatchObject({ cookie: 'session=3', 'if-none-match': '"v1"' });
  });

  it.each([
    ['another length', aVideo(11 * MIB), '"v1"', false],
    ['another ETag', aVideo(10 * MIB), '"v2"', true],
  ])('does not join the file of another redirect target with %s', async (_name, other, etag, ifRange) => {
    rig.origin.route('/a', rangedFile({ body, etag: '"v1"', cuts: [9 * MIB] }).handler);
    rig.origin.route('/b', rangedFile({ body: other, etag, ifRange }).handler);
    const url = rig.origin.route('/hop', answers.redirect('/a'));
    await expect(rig.fetch(url, options)).rejects.toMatchObject({ code: 'truncated' });
    rig.origin.route('/hop', answers.redirect('/b'));
    await expect(rig.fetch(url, options)).resolves.toMatchObject({
      httpStatus: 200,
      asset: { sha256: sha256Of(other) },
    });
  });

  it.each([
    ['a private address', ['10.0.0.1']],
    ['the metadata service', ['169.254.169.254']],
    ['another loopback address beside the old one', ['127.0.0.1', '127.0.0.2']],
  ])('does not follow its name to %s', async (_name, rebound) => {
    const url = rig.origin
      .route('/file', rangedFile({ body, etag: '"v1"', cuts: [9 * MIB] }).handler)
      .replace('127.0.0.1', 'name.example');
    const { lookup, asked } = createFakeResolver({
      'name.example': (turn) => (turn === 0 ? ['127.0.0.1'] : rebound),
    });
    // Each worker has its own memory of names: the second one asks again, as the first one does a few seconds later.
    await expect(rig.anotherWorker(lookup).fetch(url, options)).rejects.toMatchObject({ code: 'truncated' });
    expect(await rig.blobs.findPart(partKey)).not.toBeNull();
    const seen = rig.origin.requests.length;

    await expect(rig.anotherWorker(lookup).fetch(url, options)).rejects.toMatchObject({
      code: 'url_not_allowed',
      message: 'The address may not be fetched',
      details: { stage: 'resolve' },
    });
    expect(asked).toEqual(['name.example', 'name.example']);
    expect(rig.origin.requests).toHaveLength(seen);
    expect(await rig.leftovers()).toEqual([]);
  });

  it('does not follow a redirect to a private address', async () => {
    const url = rig.origin.route('/hop', answers.redirect('/a'));
    rig.origin.route('/a', rangedFile({ body, etag: '"v1"', cuts: [9 * MIB] }).handler);
    await expect(rig.fetch(url, options)).rejects.toMatchObject({ code: 'truncated' });
    rig.origin.route('/hop', answers.redirect(`http://127.0.0.2:${rig.origin.port}/a`));
    await expect(rig.fetch(url, options)).rejects.toMatchObject({ code: 'redirect_refused' });
    expect(await rig.leftovers()).toEqual([]);
  });
});
