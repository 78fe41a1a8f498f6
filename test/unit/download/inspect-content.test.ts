import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Kind } from '../../../src/domain/import.js';
import { defaultMediaTypes } from '../../../src/domain/media-types.js';
import type { MediaType } from '../../../src/domain/media.js';
import { inspectContent } from '../../../src/download/media-type/inspect.js';
import {
  behindFirstBox,
  box,
  id3Tag,
  officeDocument,
  ole,
  skeletonPage,
  tiff,
  withBrands,
  withSegments,
  zip,
} from '../../support/built-media.js';
import { sampleMedia, type SampleName } from '../../support/sample-media.js';

const KIB = 1024;
const FILLER = Buffer.alloc(200 * KIB, 0x11);
const OCTETS = 'application/octet-stream';
const OPEN_XML = 'application/vnd.openxmlformats-officedocument';
const PICTURE = { name: 'media/image1.png', data: Buffer.alloc(300_000, 0x89) };

const bodyOf = (name: SampleName): Buffer => sampleMedia(name).body;

function anything(kind: Kind): MediaType {
  return { handle: `any-${kind}`, kind, allowedMimeTypes: ['*'], metadata: [], additionalMetadata: true };
}

interface Given {
  readonly mediaType?: MediaType;
  readonly pieces?: number;
}

/** Feeds a body in pieces and answers the verdict with the bytes that it took. */
async function inspect(body: Buffer, header: string | undefined, { mediaType, pieces = 16 * KIB }: Given = {}) {
  const inspection = inspectContent(header, { mediaType: mediaType ?? anything('file'), url: 'https://a.example/x' });
  let fed = 0;
  while (fed < body.length && !inspection.settled) {
    await inspection.add(body.subarray(fed, fed + pieces));
    fed += pieces;
  }
  return { ...(await inspection.finish()), fed };
}

/** Other work on the machine takes time from the clock, and none from this. */
function cpuMs(started: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(started);
  return (user + system) / 1000;
}

const office = (part: string, type: string) => officeDocument(part, type, PICTURE);
const streamed = (part: string, type: string) => officeDocument(part, type, { ...PICTURE, isStreamed: true });
const epub = (mimetype: string) =>
  zip(PICTURE, { name: 'mimetype', data: mimetype }, { name: 'content.xml', data: '' });

const INSIDE: [name: string, header: string, body: Buffer, type: string][] = [
  ['Opus in WebM', 'audio/webm', bodyOf('sound.weba'), 'audio/webm'],
  ['Opus in WebM', OCTETS, bodyOf('sound.weba'), 'audio/webm'],
  ['Opus in WebM', 'video/webm', bodyOf('sound.weba'), 'audio/webm'],
  ['VP9 in WebM', 'audio/webm', bodyOf('clip.webm'), 'video/webm'],
  ['AAC in MP4 of brand isom', 'audio/mp4', bodyOf('sound.mp4'), 'audio/mp4'],
  ['AAC in MP4 of brand isom', OCTETS, bodyOf('sound.mp4'), 'audio/mp4'],
  ['AAC in MP4 of brand M4A', OCTETS, withBrands(bodyOf('sound.mp4'), 'M4A ', 'isom'), 'audio/mp4'],
  ['AAC in MP4 of brand M4V', OCTETS, withBrands(bodyOf('sound.mp4'), 'M4V ', 'isom'), 'audio/mp4'],
  ['AAC in 3GPP', OCTETS, withBrands(bodyOf('sound.mp4'), '3gp6', 'isom'), 'audio/3gpp'],
  [
    'an MP4 whose tracks stand at its end',
    OCTETS,
    behindFirstBox(bodyOf('sound.mp4'), box('mdat', FILLER)),
    'audio/mp4',
  ],
  [
    'a film whose tracks stand at its end',
    OCTETS,
    behindFirstBox(bodyOf('clip.mp4'), box('mdat', FILLER)),
    'video/mp4',
  ],
  ['a film whose sound is listed first', OCTETS, bodyOf('sound-first.ogv'), 'video/ogg'],
  ['a film whose sound is listed first', OCTETS, bodyOf('sound-first.wmv'), 'video/x-ms-wmv'],
  ['Windows Media Audio', OCTETS, bodyOf('sound.wma'), 'audio/x-ms-wma'],
  [
    'Ogg that begins with a Skeleton',
    'application/ogg',
    Buffer.concat([skeletonPage(), bodyOf('clip.ogv')]),
    'video/ogg',
  ],
  ['Ogg of which nothing is known', 'audio/ogg', skeletonPage(), 'audio/ogg'],
  ['Ogg of which nothing is known', OCTETS, skeletonPage(), 'application/ogg'],
  ['FLAC', 'audio/x-flac', bodyOf('sound.flac'), 'audio/flac'],
  ['FLAC behind 200 KB of ID3', OCTETS, Buffer.concat([id3Tag(200_000), bodyOf('sound.flac')]), 'audio/flac'],
  ['FLAC behind two tags', OCTETS, Buffer.concat([id3Tag(99), id3Tag(99), bodyOf('sound.flac')]), 'audio/flac'],
  ['ID3 and nothing behind it', OCTETS, id3Tag(200_000), 'audio/mpeg'],
  ['ID3 and something unknown behind it', 'audio/x-tta', Buffer.concat([id3Tag(99), FILLER]), 'audio/x-tta'],
  [
    'QuickTime that begins with skip',
    OCTETS,
    Buffer.concat([box('skip', FILLER), bodyOf('clip.mov')]),
    'video/quicktime',
  ],
  ...['skip', 'free', 'wide', 'pnot'].map((first): (typeof INSIDE)[number] => {
    const old = bodyOf('clip.mov').subarray(bodyOf('clip.mov').readUInt32BE(0));
    return [
      `QuickTime without a brand that begins with ${first}`,
      OCTETS,
      Buffer.concat([box(first, 'abcd'), old]),
      'video/quicktime',
    ];
  }),
  ['sound behind a box of its own', OCTETS, behindFirstBox(bodyOf('sound.mp4'), box('ownb', FILLER)), 'audio/mp4'],
  ['an MP4 that begins with free', OCTETS, Buffer.concat([box('free'), bodyOf('clip.mp4')]), 'video/mp4'],
  ['bytes with the word skip', OCTETS, Buffer.concat([box('skip'), FILLER]), OCTETS],
  ['bytes with the word free', OCTETS, Buffer.concat([box('free'), FILLER]), OCTETS],
  ['AVIF of brand mif1', OCTETS, withBrands(bodyOf('picture.avif'), 'mif1', 'avif', 'miaf'), 'image/avif'],
  ['AVIF of brand miaf', OCTETS, withBrands(bodyOf('picture.avif'), 'miaf', 'mif1', 'avif'), 'image/avif'],
  ['HEIC of brand mif1', OCTETS, withBrands(bodyOf('picture.heic'), 'mif1', 'heic'), 'image/heic'],
  ['HEIC of brand miaf', OCTETS, withBrands(bodyOf('picture.heic'), 'miaf', 'heix'), 'image/heic'],
  ['HEIC of brand heim', OCTETS, withBrands(bodyOf('picture.heic'), 'heim', 'mif1'), 'image/heic'],
  ['HEIF of an unknown codec', OCTETS, withBrands(bodyOf('picture.heic'), 'mif1', 'miaf'), 'image/heif'],
  ['a TIFF with its directory at the end', 'image/tiff', tiff({ width: 3, height: 2, pixels: 90_000 }), 'image/tiff'],
  [
    'a raw photo with its directory at the end',
    OCTETS,
    tiff({ width: 3, height: 2, pixels: 90_000, extraTag: 50_706 }),
    'image/x-adobe-dng',
  ],
  [
    'a docx behind a picture',
    OCTETS,
    office('word/document.xml', `${OPEN_XML}.wordprocessingml.document`),
    `${OPEN_XML}.wordprocessingml.document`,
  ],
  [
    'a docx behind a streamed picture',
    OCTETS,
    streamed('word/document.xml', `${OPEN_XML}.wordprocessingml.document`),
    `${OPEN_XML}.wordprocessingml.document`,
  ],
  [
    'a docx behind a picture',
    'application/zip',
    office('word/document.xml', `${OPEN_XML}.wordprocessingml.document`),
    `${OPEN_XML}.wordprocessingml.document`,
  ],
  [
    'a docm behind a picture',
    OCTETS,
    office('word/document.xml', 'application/vnd.ms-word.document.macroEnabled'),
    'application/vnd.ms-word.document.macroenabled.12',
  ],
  [
    'an xlsx behind a picture',
    OCTETS,
    office('xl/workbook.xml', `${OPEN_XML}.spreadsheetml.sheet`),
    `${OPEN_XML}.spreadsheetml.sheet`,
  ],
  [
    'an xlsx behind a streamed picture',
    OCTETS,
    streamed('xl/workbook.xml', `${OPEN_XML}.spreadsheetml.sheet`),
    `${OPEN_XML}.spreadsheetml.sheet`,
  ],
  [
    'a pptx behind a picture',
    OCTETS,
    office('ppt/presentation.xml', `${OPEN_XML}.presentationml.presentation`),
    `${OPEN_XML}.presentationml.presentation`,
  ],
  [
    'an odt behind a picture',
    OCTETS,
    epub('application/vnd.oasis.opendocument.text'),
    'application/vnd.oasis.opendocument.text',
  ],
  ['an e-book behind a picture', OCTETS, epub('application/epub+zip\n'), 'application/epub+zip'],
  [
    'a program behind a picture',
    OCTETS,
    zip(PICTURE, { name: 'META-INF/MANIFEST.MF', data: '' }),
    'application/java-archive',
  ],
  ['a doc', OCTETS, ole(102_400, '1Table', 'WordDocument'), 'application/msword'],
  ['an xls', 'application/msword', ole(102_400, '\x05SummaryInformation', 'Workbook'), 'application/vnd.ms-excel'],
  ['a ppt', OCTETS, ole(1_024, 'PowerPoint Document'), 'application/vnd.ms-powerpoint'],
  ['an unknown compound file', 'application/vnd.ms-works', ole(102_400, 'own'), 'application/vnd.ms-works'],
  ['an unknown compound file', OCTETS, ole(102_400, 'constructor'), 'application/x-cfb'],
  ['an archive', OCTETS, zip(PICTURE, { name: 'word/document.xml', data: '' }), 'application/zip'],
  ['an archive', 'application/vnd.own+zip', zip(PICTURE), 'application/vnd.own+zip'],
];

describe('inspectContent', () => {
  it.each(INSIDE)('tells %s that is announced as %s', async (_name, header, body, mimeType) => {
    for (const pieces of [body.length, 16 * KIB, 997]) {
      expect(await inspect(body, header, { pieces })).toMatchObject({ mimeType });
    }
  });

  it('tells an office document by names when the list of its types lies out of reach', async () => {
    const hidden = { isStreamed: true, isDeflated: false } as const;
    const body = zip(
      { ...PICTURE, ...hidden },
      { name: '[Content_Types].xml', data: 'of no use', ...hidden },
      { name: 'ppt/presentation.xml', data: Buffer.alloc(200 * KIB), ...hidden },
      { name: 'ppt/vbaProject.bin', data: '', ...hidden },
    );
    const { mimeType } = await inspect(body, OCTETS);
    expect(mimeType).toBe('application/vnd.ms-powerpoint.presentation.macroenabled.12');
  });

  it.each<[string, Buffer, number, number]>([
    ['a JPEG', withSegments(bodyOf('picture.jpg'), 0), 640, 360],
    ['a JPEG with 180 KB of metadata', withSegments(bodyOf('picture.jpg'), 3), 640, 360],
    ['a JPEG on its side', bodyOf('portrait.jpg'), 64, 96],
    ['a JPEG on its side with 180 KB of metadata', withSegments(bodyOf('portrait.jpg'), 3), 64, 96],
    ['a PNG on its side', bodyOf('portrait.png'), 64, 96],
    ['a PNG', bodyOf('picture.png'), 640, 360],
    ['a turned AVIF', bodyOf('portrait.avif'), 64, 96],
    ['an AVIF', bodyOf('picture.avif'), 64, 48],
    ['a HEIC', bodyOf('picture.heic'), 96, 64],
    ['a TIFF on its side', bodyOf('portrait.tif'), 64, 96],
    ['a TIFF with its directory at the end', tiff({ width: 300, height: 200, pixels: 90_000 }), 300, 200],
    ['a BigTIFF on its side', tiff({ width: 300, height: 200, pixels: 90_000, orientation: 8, isBig: true }), 200, 300],
  ])('measures %s as it is shown', async (_name, body, width, height) => {
    for (const pieces of [body.length, 997])
      expect(await inspect(body, OCTETS, { pieces })).toMatchObject({ width, height });
  });

  it.each<[SampleName, boolean]>([
    ['gps-portrait.jpg', true],
    ['gps.png', true],
    ['no-position.jpg', false],
    ['portrait.jpg', false],
    ['portrait.png', false],
    ['picture.jpg', false],
  ])('tells of %s whether it holds a position: %s', async (name, isThere) => {
    for (const pieces of [bodyOf(name).length, 97]) {
      const { hasPosition } = await inspect(bodyOf(name), OCTETS, { pieces });
      expect(hasPosition).toBe(isThere ? true : undefined);
    }
  });

  it('takes a place of zero fractions, as cameras without reception write it, for none', async () => {
    const body = Buffer.from(bodyOf('gps-portrait.jpg'));
    const degrees = Buffer.from('0000002f00000001', 'hex');
    const at = body.indexOf(degrees);
    expect(at).toBeGreaterThan(0);
    body.fill(0, at, at + degrees.length);

    expect(await inspect(body, OCTETS)).not.toHaveProperty('hasPosition');
  });

  it.each<[string, Buffer]>([
    ['a JPEG that ends in its metadata', withSegments(bodyOf('picture.jpg'), 3).subarray(0, 100_000)],
    [
      'a JPEG of no size',
      Buffer.concat([bodyOf('portrait.jpg').subarray(0, 2), Buffer.from('ffc0000b0800000000010011', 'hex')]),
    ],
  ])('leaves out the dimensions of %s', async (_name, body) => {
    const verdict = await inspect(body, OCTETS);
    expect(verdict).toMatchObject({ mimeType: 'image/jpeg' });
    expect(verdict).not.toHaveProperty('width');
  });

  it('needs no more than 64 KiB of a body whose beginning tells all', async () => {
    for (const name of ['clip.mp4', 'picture.jpg', 'picture.png', 'clip.webm', 'letter.docx'] as const) {
      const { fed, mimeType } = await inspect(Buffer.concat([bodyOf(name), FILLER]), OCTETS);
      expect([mimeType, fed]).toEqual([sampleMedia(name).mimeType, 64 * KIB]);
    }
  });

  it.each<[string, Buffer, Kind, string]>([
    ['an archive as a video', zip(PICTURE), 'video', 'type_mismatch'],
    ['an archive as an image', zip(PICTURE), 'image', 'type_mismatch'],
    ['a film as an image', behindFirstBox(bodyOf('clip.mp4'), box('mdat', FILLER)), 'image', 'type_mismatch'],
    ['a TIFF as a video', tiff({ width: 3, height: 2, pixels: 200_000 }), 'video', 'type_mismatch'],
    ['a login page as a video', Buffer.concat([bodyOf('login-page.mp4'), FILLER]), 'video', 'type_mismatch'],
  ])('refuses %s by its first 64 KiB', async (_name, body, kind, code) => {
    const mediaType = defaultMediaTypes().get(kind);
    const inspection = inspectContent(OCTETS, { mediaType: mediaType ?? anything(kind), url: 'https://a.example/x' });
    await expect(inspection.add(body.subarray(0, 64 * KIB))).rejects.toMatchObject({ code });
    await expect(inspection.add(body.subarray(64 * KIB))).rejects.toMatchObject({ code });
    await expect(inspection.finish()).rejects.toMatchObject({ code });
  });

  it('refuses sound as a video, also when that shows at its end only', async () => {
    const body = behindFirstBox(bodyOf('sound.mp4'), box('mdat', FILLER));
    await expect(inspect(body, 'video/mp4', { mediaType: anything('video') })).rejects.toMatchObject({
      code: 'type_mismatch',
      message: 'The body is audio/mp4, which the media type any-video does not take',
    });
  });

  it.each<[string, Buffer]>([
    [
      'a JPEG of empty segments',
      Buffer.concat([Buffer.from('ffd8', 'hex'), Buffer.alloc(8_000_000, 'ffe10002', 'hex')]),
    ],
    ['a film of empty boxes', Buffer.concat([box('ftyp', 'isom'), Buffer.alloc(8_000_000, box('free'))])],
    ['a film of empty tracks', Buffer.concat([box('ftyp', 'isom'), box('moov', Buffer.alloc(8_000_000, box('trak')))])],
    [
      'WebM of empty elements',
      Buffer.concat([bodyOf('clip.webm').subarray(0, 48), Buffer.alloc(8_000_000, 'ec80', 'hex')]),
    ],
    ['an image of sizes', Buffer.concat([box('ftyp', 'avif'), box('meta', Buffer.alloc(8_000_000, box('ispe')))])],
    ['an image of sizes', Buffer.concat([box('ftyp', 'avif'), box('meta', Buffer.alloc(120_000, box('ispe')))])],
    ['tags behind tags', Buffer.alloc(8_000_000, id3Tag(10))],
    ['a tag that claims 256 MiB', Buffer.concat([Buffer.from('494433040000' + '7f7f7f7f', 'hex'), FILLER])],
    ['an archive of empty entries', Buffer.alloc(8_000_000, zip({ name: 'a', data: '' }).subarray(0, 31))],
    [
      'a list of types that unpacks to 100 MB',
      zip(PICTURE, { name: '[Content_Types].xml', data: Buffer.alloc(100_000_000), isDeflated: true }),
    ],
    ['Ogg of first pages', Buffer.alloc(8_000_000, skeletonPage())],
  ])('stays quick on %s', async (_name, body) => {
    const started = process.cpuUsage();
    await inspect(body, OCTETS);
    expect(cpuMs(started)).toBeLessThan(1_000);
  });

  it('comes to a verdict on bodies with random damage', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(INSIDE.length - 1),
        fc.array(fc.tuple(fc.nat(2_000), fc.integer({ min: 0, max: 255 })), { maxLength: 20 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        async (index, damage, share) => {
          const whole = INSIDE[index]?.[2] ?? Buffer.alloc(0);
          const body = Buffer.from(whole.subarray(0, 1 + Math.floor(whole.length * share)));
          for (const [at, value] of damage) if (at < body.length) body[at] = value;
          const started = process.cpuUsage();
          const { mimeType } = await inspect(body, undefined);
          expect(mimeType).toMatch(/^[a-z]+\/[\w.+-]+$/);
          expect(cpuMs(started)).toBeLessThan(3_000);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('stays quick when a source sends each byte by itself', async () => {
    const started = process.cpuUsage();
    const { mimeType } = await inspect(tiff({ width: 3, height: 2, pixels: 70_000 }), OCTETS, { pieces: 1 });
    expect(mimeType).toBe('image/tiff');
    expect(cpuMs(started)).toBeLessThan(3_000);
  });
});
