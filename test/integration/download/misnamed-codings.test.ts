import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { answers } from '../../servers/origin-server.js';
import { rangedFile, sha256Of } from '../../support/ranged-file.js';
import { sampleMedia } from '../../support/sample-media.js';
import { startSourceRig, type SourceRig } from './source-rig.js';

const MIB = 1024 * 1024;
const MP4 = sampleMedia('clip.mp4').body;
/** Stands for a .tar.gz: what is inside does not matter. */
const TAR = Buffer.concat([Buffer.from('name'), randomBytes(3_000)]);
const TAR_GZ = gzipSync(TAR);

const SIGNED = `${MP4.byteLength.toString(16)};chunk-signature=${'0a'.repeat(32)}\r\n`;

/** Sent as it stands; `stored` is what becomes of it. */
interface Coded {
  readonly coding: string;
  readonly body: Buffer;
  readonly stored: Buffer;
  readonly type?: string;
  readonly path?: string;
}

const plain = (coding: string, body = MP4): Coded => ({ coding, body, stored: body, type: 'video/mp4' });
const asItIs = (type: string, coding = 'gzip', path = '/file'): Coded => ({
  coding,
  type,
  path,
  body: TAR_GZ,
  stored: TAR_GZ,
});

const STORED: Readonly<Record<string, Coded>> = {
  none: plain('none'),
  binary: plain('Binary'),
  'utf-8': plain('utf-8'),
  'UTF-8 and identity': plain('UTF-8, identity'),
  'another character set': plain('iso-8859-1'),
  'a coding of mail': plain('8bit'),
  'a media type': plain('video/mp4'),
  'aws-chunked over a body that is not': plain('aws-chunked'),
  'aws-chunked over a text that begins like a chunk': {
    ...plain('aws-chunked', Buffer.from('a\r\nb,c\r\nd,e\r\nf,g\r\n')),
    type: 'text/csv',
  },
  'base64 over a body that is not': plain('base64'),
  'aws-chunked and gzip over a body in gzip': { ...plain('aws-chunked,gzip', gzipSync(MP4)), stored: MP4 },
  'utf-8 and gzip over a body in gzip': { ...plain('utf-8, gzip', gzipSync(MP4)), stored: MP4 },
  'gzip over application/gzip': asItIs('application/gzip'),
  'x-gzip over application/x-gzip': asItIs('application/x-gzip', 'x-gzip'),
  'gzip over application/x-tgz': asItIs('application/x-tgz'),
  'gzip over application/x-compressed-tar': asItIs('application/x-compressed-tar'),
  'gzip over application/gzip with parameters': asItIs('Application/GZip; charset=binary'),
  'gzip over a .tar.gz without a type': asItIs('application/octet-stream', 'gzip', '/backup.TAR.GZ'),
  'gzip over a .tgz as application/x-tar': asItIs('application/x-tar', 'gzip', '/backup.tgz'),
  'gzip over application/gzip that holds no gzip': { ...asItIs('application/gzip'), body: MP4, stored: MP4 },
  // The server did encode the archive: one layer is undone, not both.
  'gzip over an archive that was encoded once more': { ...asItIs('application/gzip'), body: gzipSync(TAR_GZ) },
  // The name tells of the file, but the type tells what the client gets: RFC 9110 section 8.4.
  'gzip over a table of the name .csv.gz': {
    coding: 'gzip',
    type: 'text/csv',
    path: '/table.csv.gz',
    body: gzipSync('a,b\n1,2\n'),
    stored: Buffer.from('a,b\n1,2\n'),
  },
  'br over application/x-brotli': {
    ...asItIs('application/x-brotli', 'br'),
    body: brotliCompressSync(TAR),
    stored: brotliCompressSync(TAR),
  },
};

const REFUSED: Readonly<Record<string, Coded>> = {
  'aws-chunked over signed chunks': plain(
    'aws-chunked',
    Buffer.concat([Buffer.from(SIGNED), MP4, Buffer.from('\r\n')]),
  ),
  'aws-chunked over unsigned chunks': plain('aws-chunked', Buffer.from('5\r\nhello\r\n0\r\n\r\n')),
  'base64 over base64': plain('base64', Buffer.from(MP4.toString('base64'))),
  zstd: plain('zstd'),
  'a coding of its own making': plain('acme-1'),
  'gzip twice': plain('gzip, gzip', gzipSync(gzipSync(MP4))),
  'gzip over something else': plain('gzip'),
};

describe('a body that claims a Content-Encoding of', () => {
  let rig: SourceRig;
  beforeAll(async () => {
    rig = await startSourceRig();
  });
  afterAll(() => rig.close());

  function route({ coding, type, body, path = '/file' }: Coded): string {
    const headers = { 'content-encoding': coding };
    return rig.origin.route(path, answers.file(body, { headers, ...(type === undefined ? {} : { type }) }));
  }

  it.each(Object.entries(STORED))('%s is stored with the right bytes', async (_name, coded) => {
    const { asset, received } = await rig.fetch(route(coded));
    expect(asset).toMatchObject({
      sha256: sha256Of(coded.stored),
      bytes: coded.stored.byteLength,
      lengthVerified: true,
    });
    expect(received).toBe(coded.body.byteLength);
    const stored = await rig.blobs.read(asset.sha256);
    expect(stored && (await buffer(stored)).equals(coded.stored)).toBe(true);
    expect(await rig.leftovers()).toEqual([]);
  });

  it.each(Object.entries(REFUSED))('%s is refused', async (_name, coded) => {
    await expect(rig.fetch(route(coded))).rejects.toMatchObject({ code: 'unsupported_encoding', retryable: false });
    expect(await rig.leftovers()).toEqual([]);
  });

  it.each([1, 7, 700])(
    'gzip over application/gzip is seen through however it arrives: %i bytes at a time',
    async (bytes) => {
      const headers = { 'content-encoding': 'gzip' };
      const body = gzipSync('a tape archive');
      for (const sent of [body, gzipSync(body)]) {
        const drip = answers.drip(sent, { type: 'application/gzip', headers, bytes, everyMs: 2 });
        const { asset } = await rig.fetch(rig.origin.route('/drip', drip));
        expect(asset).toMatchObject({ sha256: sha256Of(body), mimeType: 'application/gzip' });
      }
    },
  );

  it.each([
    [
      'breaks off',
      answers.truncated(TAR_GZ.subarray(0, 500), { type: 'application/gzip', headers: { 'content-encoding': 'gzip' } }),
      'truncated',
    ],
    [
      'falls silent',
      answers.stallAfterHeaders(TAR_GZ.subarray(0, 500), {
        type: 'application/gzip',
        headers: { 'content-encoding': 'gzip' },
      }),
      'timeout',
    ],
    ['is empty', answers.empty({ type: 'application/gzip', headers: { 'content-encoding': 'gzip' } }), 'empty'],
  ])('gzip over application/gzip that %s within its first bytes fails as without it', async (_how, answer, code) => {
    await expect(rig.fetch(rig.origin.route('/short', answer))).rejects.toMatchObject({
      code,
      details: { stage: 'body' },
    });
    expect(await rig.leftovers()).toEqual([]);
  });

  it('gzip over application/gzip ends with its signal, also while its first bytes are waited for', async () => {
    const url = rig.origin.route(
      '/held',
      answers.stallAfterHeaders(Buffer.alloc(0), { type: 'application/gzip', headers: { 'content-encoding': 'gzip' } }),
    );
    const controller = new AbortController();
    const reason = new Error('Stopped');
    const seen = rig.origin.requests.length;
    const fetching = rig.fetch(url, { signal: controller.signal, limits: { idleTimeoutMs: 30_000 } });
    const stopping = setInterval(() => {
      if (rig.origin.requests.length > seen) controller.abort(reason);
    }, 20);
    await expect(fetching).rejects.toBe(reason);
    clearInterval(stopping);
  });
});

describe('a large body with a Content-Encoding that is none', () => {
  const partKey = 'a-batch:00000001';
  const options = { partKey, limits: { maxBytes: 1024 * MIB } };
  const archive = gzipSync(randomBytes(10 * MIB));
  let rig: SourceRig;
  beforeAll(async () => {
    rig = await startSourceRig();
  });
  afterAll(() => rig.close());
  beforeEach(() => rig.blobs.forgetPart(partKey));

  it.each([
    ['application/gzip', 'gzip', (headers: Record<string, string>) => headers],
    // RFC 9110 section 15.3.7: a 206 need not repeat the type.
    ['application/gzip', 'gzip', ({ 'content-type': _, ...headers }: Record<string, string>) => headers],
    ['application/x-tar', 'identity', (headers: Record<string, string>) => headers],
    ['application/x-tar', 'none', (headers: Record<string, string>) => headers],
    ['application/octet-stream', 'aws-chunked', (headers: Record<string, string>) => headers],
  ])('is resumed, and not fetched again if it did not change: %s under %s', async (type, coding, lie) => {
    const headers = { 'content-encoding': coding };
    const file = rangedFile({ body: archive, etag: '"v1"', type, headers, lie, cuts: [9 * MIB] });
    const url = rig.origin.route('/archive', file.handler);
    await expect(rig.fetch(url, options)).rejects.toMatchObject({ code: 'truncated' });
    const kept = (await rig.blobs.findPart(partKey))?.kept;

    const fetched = await rig.fetch(url, options);
    expect(rig.origin.requests.at(-1)?.headers.range).toBe(`bytes=${kept}-`);
    expect(fetched).toMatchObject({
      httpStatus: 206,
      received: archive.byteLength - (kept ?? 0),
      asset: { sha256: sha256Of(archive), bytes: archive.byteLength },
    });
    expect(await rig.ask(url, { ...options, unless: fetched.validators })).toMatchObject({ kind: 'not_modified' });
    expect(await rig.leftovers()).toEqual([]);
  });

  it('is fetched as a whole again when the rest comes under a coding that is one', async () => {
    const lie = (headers: Record<string, string>) => ({ ...headers, 'content-encoding': 'br' });
    const file = rangedFile({ body: archive, etag: '"v1"', type: 'application/gzip', lie, cuts: [9 * MIB] });
    const url = rig.origin.route('/archive', file.handler);
    await expect(rig.fetch(url, options)).rejects.toMatchObject({ code: 'truncated' });
    await expect(rig.fetch(url, options)).resolves.toMatchObject({
      httpStatus: 200,
      asset: { sha256: sha256Of(archive) },
    });
  });
});
