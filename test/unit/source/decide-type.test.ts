import { describe, expect, it } from '@jest/globals';
import type { Kind } from '../../../src/contract/kinds.js';
import type { MediaType } from '../../../src/contract/media-type.js';
import { decideType } from '../../../src/source/decide-type.js';
import { sniffType } from '../../../src/source/sniff-type.js';
import { allSampleMedia, sampleMedia } from '../../support/sample-media.js';

function mediaType(kind: Kind, ...allowedMimeTypes: string[]): MediaType {
  return { handle: `my-${kind}`, kind, allowedMimeTypes, metadata: [], additionalMetadata: true };
}

const VIDEO = mediaType('video', 'video/*');
const FILE = mediaType('file', '*');
const IMAGE = mediaType('image', 'image/png', 'image/jpeg', 'image/gif', 'image/webp', 'image/avif', 'image/svg+xml');
const BY_KIND = { video: VIDEO, file: FILE, image: IMAGE };

const UNKNOWN_BYTES = Buffer.from([0x00, 0x9a, 0x03, 0x04, 0xfe, 0x10, 0x99, 0x07, 0x00, 0x01]);
const HTML = sampleMedia('login-page.mp4').body;
const ZIP = sampleMedia('archive.zip').body;
const MP4 = sampleMedia('clip.mp4').body;
const PNG = sampleMedia('picture.png').body;
const OLE = Buffer.concat([Buffer.from('d0cf11e0a1b11ae1', 'hex'), Buffer.alloc(600)]);

async function decide(
  header: string | undefined,
  bytes: Uint8Array,
  type: MediaType,
  url = 'https://cdn.example.com/download',
  fileName?: string,
): Promise<string> {
  const decision = decideType(header, await sniffType(bytes), type, { url, fileName });
  return 'mimeType' in decision ? decision.mimeType : `refused: ${decision.refused}`;
}

describe('decideType', () => {
  const good = allSampleMedia().filter(({ name }) => name !== 'login-page.mp4');

  it.each(good)('accepts $name as $mimeType without any header', async ({ body, mimeType, kind }) => {
    expect(await decide(undefined, body, BY_KIND[kind])).toBe(mimeType);
  });

  it.each(good.filter(({ kind }) => kind !== 'file'))(
    'lets the bytes of $name win over a wrong header',
    async (sample) => {
      expect(await decide('application/zip', sample.body, BY_KIND[sample.kind])).toBe(sample.mimeType);
    },
  );

  it.each([undefined, 'text/html', 'video/mp4', 'application/octet-stream'])(
    'refuses an HTML page as a video (%p)',
    async (header) => {
      expect(await decide(header, HTML, VIDEO)).toBe(
        'refused: The body looks like an HTML page, such as a login or error page, not like a video',
      );
      expect(await decide(header, HTML, IMAGE)).toMatch(/looks like an HTML page.*not like an image/);
    },
  );

  it('takes HTML as a file when it is announced as such or not at all', async () => {
    expect(await decide('text/html', HTML, FILE)).toBe('text/html');
    expect(await decide(undefined, HTML, FILE)).toBe('text/html');
    expect(await decide('application/xhtml+xml', HTML, FILE)).toBe('application/xhtml+xml');
    expect(await decide('text/markdown', Buffer.from('<!-- note -->\n# Title'), FILE)).toBe('text/markdown');
  });

  it.each(['report.pdf', 'letter.docx?token=a', 'a/archive.zip', 'clip.MP4'])(
    'refuses an honest HTML page that answers for %s: it is a login or error page',
    async (name) => {
      expect(await decide('text/html', HTML, FILE, `https://cdn.example.com/${name}`)).toMatch(
        /looks like an HTML page/,
      );
    },
  );

  it.each(['page.html', 'download.php?id=report.pdf', 'notes.txt', ''])(
    'takes an HTML page from /%s as a file',
    async (name) => {
      expect(await decide('text/html', HTML, FILE, `https://cdn.example.com/${name}`)).toBe('text/html');
    },
  );

  it('refuses an HTML page in place of another file', async () => {
    expect(await decide('application/pdf', HTML, FILE)).toMatch(/refused: .*login or error page/);
    expect(await decide('text/html', HTML, mediaType('file', 'application/pdf'))).toMatch(
      /refused: .*login or error page/,
    );
  });

  it.each([
    ['a zip', ZIP, 'application/zip'],
    ['a picture', PNG, 'image/png'],
    ['a document', sampleMedia('document.pdf').body, 'application/pdf'],
  ])('refuses %s that is announced as a video', async (_name, bytes, type) => {
    expect(await decide('video/mp4', bytes, VIDEO)).toBe(
      `refused: The body is ${type}, which the media type my-video does not take`,
    );
  });

  it('refuses a video as an image and the other way round', async () => {
    expect(await decide('image/png', MP4, IMAGE)).toMatch(/^refused: The body is video\/mp4/);
    expect(await decide('video/mp4', PNG, mediaType('video', '*'))).toMatch(/^refused: The body is image\/png/);
  });

  describe('without known bytes', () => {
    it('refuses a video that only the header claims', async () => {
      expect(await decide('video/x-exotic', UNKNOWN_BYTES, VIDEO)).toMatch(/^refused: .*no known type/);
      expect(await decide(undefined, UNKNOWN_BYTES, VIDEO)).toMatch(/^refused/);
      expect(await decide('application/octet-stream', UNKNOWN_BYTES, VIDEO)).toMatch(/^refused/);
    });

    it('accepts an exotic type that the media type names', async () => {
      expect(await decide('video/x-exotic', UNKNOWN_BYTES, mediaType('video', 'video/*', 'video/x-exotic'))).toBe(
        'video/x-exotic',
      );
    });

    it('refuses a type that its bytes would have shown, however it is configured', async () => {
      expect(await decide('video/mp4', UNKNOWN_BYTES, mediaType('video', 'video/mp4'))).toMatch(/^refused/);
      expect(await decide('image/png', UNKNOWN_BYTES, IMAGE)).toMatch(/^refused/);
      expect(await decide('image/svg+xml', Buffer.from('not a drawing'), IMAGE)).toBe(
        'refused: The body is text, not an image',
      );
    });

    it('refuses text under an exotic video type', async () => {
      const type = mediaType('video', 'video/x-exotic');
      expect(await decide('video/x-exotic', Buffer.from('{"error":"gone"}'), type)).toBe(
        'refused: The body is text, not a video',
      );
    });

    it.each([
      ['the header', 'application/x-own', UNKNOWN_BYTES, 'application/x-own'],
      ['text', undefined, Buffer.from('a,b\n1,ü'), 'text/plain'],
      ['text of an uninformative header', 'binary/octet-stream', Buffer.from('a,b'), 'text/plain'],
      ['the header of text', 'text/csv', Buffer.from('a,b'), 'text/csv'],
      ['bytes', undefined, UNKNOWN_BYTES, 'application/octet-stream'],
      ['text that is announced as a PDF', 'application/pdf', Buffer.from('error'), 'text/plain'],
      ['JSON', 'application/json', Buffer.from('{}'), 'application/json'],
    ])('settles a file by %s', async (_name, header, bytes, type) => {
      expect(await decide(header, bytes, FILE)).toBe(type);
    });
  });

  it('reads containers by an honest header', async () => {
    expect(await decide('application/msword', OLE, FILE)).toBe('application/msword');
    expect(await decide('application/epub+zip', ZIP, FILE)).toBe('application/epub+zip');
    expect(await decide('video/mp4', ZIP, FILE)).toBe('application/zip');
    expect(await decide('application/rss+xml', Buffer.from('<?xml version="1.0"?><rss/>'), FILE)).toBe(
      'application/rss+xml',
    );
    expect(await decide('image/svg+xml', Buffer.from('<?xml version="1.0"?><rss/>'), IMAGE)).toMatch(/^refused/);
  });

  it('holds files against exact types, wildcards and aliases', async () => {
    expect(await decide(undefined, PNG, mediaType('file', 'image/*'))).toBe('image/png');
    expect(await decide(undefined, PNG, mediaType('file', 'application/pdf', 'video/*'))).toMatch(/^refused/);
    expect(await decide(undefined, ZIP, mediaType('file', 'application/x-zip-compressed'))).toBe('application/zip');
    expect(await decide(undefined, sampleMedia('clip.mkv').body, mediaType('video', 'video/matroska'))).toBe(
      'video/x-matroska',
    );
    expect(await decide(undefined, sampleMedia('clip.wmv').body, mediaType('video', 'Video/X-MS-ASF'))).toBe(
      'video/x-ms-wmv',
    );
  });

  it('takes an image beyond the usual ones only where it is named', async () => {
    const bmp = Buffer.concat([Buffer.from('BM'), Buffer.alloc(60)]);
    expect(await decide('image/bmp', bmp, mediaType('image', 'image/*'))).toMatch(/^refused/);
    expect(await decide('image/bmp', bmp, mediaType('image', 'image/bmp'))).toBe('image/bmp');
  });

  it('never repeats what the source claims', async () => {
    const refused = await decide('application/x-secret-token', UNKNOWN_BYTES, mediaType('file', 'application/pdf'));
    expect(refused).toBe('refused: The body is of the announced type, which the media type my-file does not take');
  });
});
