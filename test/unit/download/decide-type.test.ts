import { describe, expect, it } from '@jest/globals';
import type { Kind } from '../../../src/domain/import.js';
import type { MediaType } from '../../../src/domain/media.js';
import { decideType } from '../../../src/download/media-type/decide.js';
import { sniffType } from '../../../src/download/media-type/sniff.js';
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
const HEIC = sampleMedia('picture.heic').body;
const PDF_ONLY = mediaType('file', 'application/pdf');
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

  it('takes an image beyond the usual ones where it is named or covered by a wildcard', async () => {
    const bmp = Buffer.concat([Buffer.from('BM'), Buffer.alloc(60)]);
    expect(await decide('image/bmp', bmp, IMAGE)).toMatch(/^refused/);
    for (const allowed of ['image/bmp', 'image/*', '*/*', '*', 'Image/*']) {
      expect(await decide('image/bmp', bmp, mediaType('image', allowed))).toBe('image/bmp');
    }
  });

  it.each(['video/*', '*/*', '*'])('takes videos by %s, and nothing else', async (allowed) => {
    expect(await decide(undefined, MP4, mediaType('video', allowed))).toBe('video/mp4');
    expect(await decide(undefined, sampleMedia('clip.mxf').body, mediaType('video', allowed))).toBe('application/mxf');
    expect(await decide(undefined, PNG, mediaType('video', allowed))).toMatch(/^refused/);
  });

  it.each<[string, string | undefined, Uint8Array, MediaType, string]>([
    ['a picture that the configuration does not take', 'image/heic', HEIC, IMAGE, 'type_not_allowed'],
    ['a picture under the name of another one', 'image/jpeg', HEIC, IMAGE, 'type_not_allowed'],
    [
      'a film that the configuration does not take',
      undefined,
      MP4,
      mediaType('video', 'video/webm'),
      'type_not_allowed',
    ],
    ['a file that the configuration does not take', 'image/png', PNG, PDF_ONLY, 'type_not_allowed'],
    ['a text that the configuration does not take', 'text/csv', Buffer.from('a,b'), PDF_ONLY, 'type_not_allowed'],
    ['another file than the source promises', 'application/pdf', PNG, PDF_ONLY, 'type_mismatch'],
    ['a text in place of a file', undefined, Buffer.from('not found'), PDF_ONLY, 'type_mismatch'],
    ['a picture in place of a film', undefined, PNG, VIDEO, 'type_mismatch'],
    ['a login page', 'text/html', HTML, PDF_ONLY, 'type_mismatch'],
  ])('tells %s by its code', async (_name, header, bytes, type, code) => {
    const decision = decideType(header, await sniffType(bytes), type, { url: 'https://cdn.example.com/download' });
    expect(decision).toMatchObject({ code });
  });

  it.each(
    ['MAC address,IP,Host', 'ID3,Name', 'BM25 ranking notes', 'FORM 10-K', 'MZ-700', 'GIF89a is a format', 'the free']
      .flatMap((line) => [line, `\ufeff${line}`])
      .flatMap((line) => ['text/csv', 'text/plain', 'application/json'].map((type) => [line, type] as const)),
  )('believes the header of the text %p, %s', async (line, type) => {
    expect(await decide(type, Buffer.from(`${line}\n1,ü\n`), FILE)).toBe(type);
    expect(await decide(undefined, Buffer.from(`${line}\n1,ü\n`), FILE)).toBe('text/plain');
    // windows-1252, as spreadsheets write it.
    expect(await decide(type, Buffer.from(`${line.replace('\ufeff', '')}\nGr\xf6\xdfe;1\n`, 'latin1'), FILE)).toBe(
      type,
    );
  });

  it.each([
    ['%PDF-1.4\n1 0 obj', 'application/pdf'],
    ['{\\rtf1\\ansi text}', 'application/rtf'],
    ['%!PS-Adobe-3.0\n', 'application/postscript'],
    ['%!PS-Adobe-3.0 EPSF-3.0\n', 'application/eps'],
    ['BEGIN:VCARD\r\nVERSION:4.0\r\n', 'text/vcard'],
    ['BEGIN:VCALENDAR\r\n', 'text/calendar'],
    ['WEBVTT\n\n00:00 --> 00:01\n', 'text/vtt'],
    ['solid cube\n  facet normal 0 0 1\n', 'model/stl'],
  ])('knows %p, which is a text, unless the header names another text', async (text, type) => {
    for (const header of [undefined, 'text/plain', 'application/octet-stream', type]) {
      expect(await decide(header, Buffer.from(text), FILE)).toBe(type);
    }
    expect(await decide('text/csv', Buffer.from(text), FILE)).toBe('text/csv');
    expect(await decide(undefined, Buffer.from(text.slice(0, 4)), FILE)).toBe('text/plain');
  });

  it.each(['<catalog/>', '<table>', '<title>A</title>', '<!-- one --><table>', '\n<ns:a xmlns:ns="b">', '<é/>'])(
    'believes a header that calls %p XML',
    async (text) => {
      expect(await decide('application/xml', Buffer.from(text), FILE)).toBe('application/xml');
      expect(await decide('text/xml', Buffer.from(text), FILE)).toBe('application/xml');
      expect(await decide('application/rss+xml', Buffer.from(text), FILE)).toBe('application/rss+xml');
    },
  );

  it('does not believe that an HTML page or a word is XML', async () => {
    expect(await decide('application/xml', HTML, FILE)).toBe('text/html');
    expect(await decide('application/xml', Buffer.from('error'), FILE)).toBe('text/plain');
    expect(await decide('application/xml', Buffer.from('<table>'), IMAGE)).toMatch(/^refused: .*HTML page/);
  });

  it.each(['price.pdf', 'letter.doc', 'table.xls', 'Photo.HEIC', 'list.csv', 'data.json', 'clip.mp4'])(
    'refuses an honest HTML page that the client calls %s: it is a login or error page',
    async (name) => {
      const url = 'https://cdn.example.com/download?id=17';
      expect(await decide('text/html', HTML, FILE, url, name)).toBe(
        'refused: The body looks like an HTML page, such as a login or error page, not like what its name promises',
      );
      expect(await decide(undefined, HTML, FILE, url, name)).toMatch(/^refused/);
      expect(await decide('text/html', HTML, FILE, `https://cdn.example.com/${name}`)).toMatch(/^refused/);
    },
  );

  it.each(['page.html', 'page.htm', 'notes.txt', 'page', 'index.php', 'About us', 'page.xhtml', ''])(
    'takes an HTML page that the client calls %p',
    async (name) => {
      expect(await decide('text/html', HTML, FILE, undefined, name)).toBe('text/html');
    },
  );

  it('says why the bytes of an image are not taken', async () => {
    const tiffOnly = mediaType('image', 'image/tiff', 'image/x-own');
    expect(await decide('image/tiff', UNKNOWN_BYTES, tiffOnly)).toBe(
      'refused: The bytes are not those of the announced type, and of no known type',
    );
    expect(await decide(undefined, UNKNOWN_BYTES, tiffOnly)).toBe(
      'refused: The bytes are of no known type, and the source announces none',
    );
    expect(await decide('image/x-other', UNKNOWN_BYTES, tiffOnly)).toBe(
      'refused: The bytes are of no known type, and the media type my-image does not name the announced one',
    );
    expect(await decide('image/x-own', UNKNOWN_BYTES, tiffOnly)).toBe('image/x-own');
  });

  it('never repeats what the source claims', async () => {
    const refused = await decide('application/x-secret-token', UNKNOWN_BYTES, mediaType('file', 'application/pdf'));
    expect(refused).toBe('refused: The body is of the announced type, which the media type my-file does not take');
  });
});
