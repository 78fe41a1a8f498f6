import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Kind } from '../../../src/domain/import.js';
import { ImportError } from '../../../src/domain/errors.js';
import {
  behindFirstBox,
  box,
  id3Tag,
  officeDocument,
  skeletonPage,
  tiff,
  withSegments,
} from '../../support/built-media.js';
import { answers } from '../../servers/origin-server.js';
import { rangedFile, sha256Of } from '../../support/ranged-file.js';
import { allSampleMedia, sampleMedia } from '../../support/sample-media.js';
import { startSourceRig, type SourceRig } from './source-rig.js';

const MIB = 1024 * 1024;
const OCTETS = 'application/octet-stream';
const OPEN_XML = 'application/vnd.openxmlformats-officedocument';
const PICTURE = { name: 'word/media/image1.png', data: Buffer.alloc(300_000, 0x89) };
const DOCX = officeDocument('word/document.xml', `${OPEN_XML}.wordprocessingml.document`, PICTURE);

const lateTracks = (name: 'sound.mp4' | 'clip.mp4', bytes: number): Buffer =>
  behindFirstBox(sampleMedia(name).body, box('mdat', Buffer.alloc(bytes, 0x11)));

describe('the source', () => {
  let rig: SourceRig;
  beforeAll(async () => {
    rig = await startSourceRig();
  });
  afterAll(() => rig.close());
  it.each(allSampleMedia())('stores $name as $mimeType whatever the header says', async (sample) => {
    const url = rig.origin.route('/sample', answers.file(sample.body, { type: 'application/octet-stream' }));
    const { asset, contentType } = await rig.fetch(url, { kind: sample.kind });
    expect(asset).toMatchObject({ sha256: sample.sha256, bytes: sample.body.byteLength, mimeType: sample.mimeType });
    expect('width' in asset).toBe(sample.kind === 'image');
    expect(contentType).toBe('application/octet-stream');
  });

  describe('looks beyond the first 64 KiB at', () => {
    const late: [string, Kind, Buffer, object][] = [
      ['sound whose tracks stand at its end', 'file', lateTracks('sound.mp4', 2 * MIB), { mimeType: 'audio/mp4' }],
      ['a film whose tracks stand at its end', 'video', lateTracks('clip.mp4', 2 * MIB), { mimeType: 'video/mp4' }],
      [
        'FLAC behind a tag of 200 KB',
        'file',
        Buffer.concat([id3Tag(200_000), sampleMedia('sound.flac').body]),
        { mimeType: 'audio/flac' },
      ],
      [
        'a document whose first entry is a picture',
        'file',
        DOCX,
        { mimeType: `${OPEN_XML}.wordprocessingml.document` },
      ],
      [
        'a TIFF whose directory stands at its end',
        'image',
        tiff({ width: 300, height: 200, pixels: MIB }),
        { mimeType: 'image/tiff', width: 300, height: 200 },
      ],
      [
        'a portrait behind 180 KB of metadata',
        'image',
        withSegments(sampleMedia('portrait.jpg').body, 3),
        { mimeType: 'image/jpeg', width: 64, height: 96 },
      ],
    ];

    it.each(late)('%s', async (_name, kind, body, expected) => {
      const whole = { ...expected, sha256: sha256Of(body), bytes: body.byteLength };
      for (const answer of [answers.file(body, { type: OCTETS }), answers.chunked(body, { type: OCTETS })]) {
        const { asset } = await rig.fetch(rig.origin.route('/late', answer), { kind });
        expect(asset).toMatchObject(whole);
      }
    });
  });

  it('stores Ogg that begins with a Skeleton as what its streams are', async () => {
    const body = Buffer.concat([skeletonPage(), sampleMedia('clip.ogv').body]);
    const url = rig.origin.route('/film', answers.file(body, { type: 'application/ogg' }));
    expect((await rig.fetch(url, { kind: 'video' })).asset).toMatchObject({ mimeType: 'video/ogg' });
  });

  it.each(['audio/webm;codecs=opus', OCTETS])('stores Opus in WebM that is announced as %s as audio', async (type) => {
    const url = rig.origin.route('/sound', answers.file(sampleMedia('sound.weba').body, { type }));
    expect((await rig.fetch(url)).asset).toMatchObject({ mimeType: 'audio/webm' });
  });

  it('stores a text whose first word is a magic number as what it is announced as', async () => {
    const url = rig.origin.route('/list', answers.file(Buffer.from('MAC address,IP,Host\n'), { type: 'text/csv' }));
    expect((await rig.fetch(url)).asset).toMatchObject({ mimeType: 'text/csv' });
  });

  it('takes any image where the media type says so', async () => {
    const url = rig.origin.route('/photo', answers.file(sampleMedia('picture.heic').body, { type: 'image/heic' }));
    const { asset } = await rig.fetch(url, { kind: 'image' });
    expect(asset).toMatchObject({ mimeType: 'image/heic', width: 96, height: 64 });
  });

  it('refuses a login page by the name that the client gave the file', async () => {
    const page = sampleMedia('login-page.mp4').body;
    const url = `${rig.origin.route('/download', answers.file(page, { type: 'text/html' }))}?id=17`;
    await expect(rig.fetch(url, { fileName: 'price.pdf' })).rejects.toMatchObject({
      code: 'type_mismatch',
      details: { stage: 'type', httpStatus: 200, contentType: 'text/html' },
    });
    await expect(rig.fetch(url, { fileName: 'about.html' })).resolves.toMatchObject({
      asset: { mimeType: 'text/html' },
    });
  });

  it.each<[string, Kind, Buffer]>([
    ['a login page', 'video', Buffer.concat([sampleMedia('login-page.mp4').body, Buffer.alloc(65_536, ' ')])],
    ['an archive', 'video', DOCX.subarray(0, 65_536)],
    ['a film', 'image', lateTracks('clip.mp4', MIB).subarray(0, 65_536)],
  ])('refuses %s of gigabytes by its first 64 KiB', async (_name, kind, head) => {
    // The rest never comes: waiting for it ends in a timeout.
    const url = rig.origin.route('/huge', (_request, response) => {
      response.writeHead(200, { 'content-type': OCTETS, 'content-length': String(5 * 1024 * MIB) });
      response.write(head);
    });
    await expect(rig.fetch(url, { kind, limits: { maxBytes: 6 * 1024 * MIB } })).rejects.toMatchObject({
      code: 'type_mismatch',
    });
    expect(await rig.leftovers()).toEqual([]);
  });

  it('refuses sound as a video even when only its end tells, and keeps none of it', async () => {
    const url = rig.origin.route('/sound', answers.file(lateTracks('sound.mp4', 2 * MIB), { type: 'video/mp4' }));
    await expect(rig.fetch(url, { kind: 'video' })).rejects.toMatchObject({
      code: 'type_mismatch',
      message: 'The body is audio/mp4, which the media type video does not take',
      details: { stage: 'type', httpStatus: 200 },
    });
    expect(await rig.leftovers()).toEqual([]);
  });

  describe('of a body that broke off', () => {
    const options = { partKey: 'types:00000001', limits: { maxBytes: 64 * MIB } };
    const body = lateTracks('sound.mp4', 12 * MIB);

    /** Behind the head and in front of the tracks. */
    async function broken(): Promise<string> {
      const file = rangedFile({ body, etag: '"v1"', type: 'audio/mp4', cuts: [10 * MIB] });
      const url = rig.origin.route('/broken', file.handler);
      const failure = await rig.fetch(url, options).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(ImportError);
      expect(failure).toMatchObject({ code: 'truncated' });
      return url;
    }

    it('looks at the rest where the bytes before have led', async () => {
      await expect(rig.fetch(await broken(), options)).resolves.toMatchObject({
        httpStatus: 206,
        asset: { mimeType: 'audio/mp4', sha256: sha256Of(body) },
      });
      expect(await rig.leftovers()).toEqual([]);
    });

    it('refuses the rest for what it shows', async () => {
      await expect(rig.fetch(await broken(), { ...options, kind: 'video' })).rejects.toMatchObject({
        code: 'type_mismatch',
        details: { httpStatus: 206 },
      });
      expect(await rig.leftovers()).toEqual([]);
    });
  });
});
