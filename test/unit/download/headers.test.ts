import { describe, expect, it } from '@jest/globals';
import { bodyFraming, parseContentType, shownContentType, headerText } from '../../../src/download/http-headers.js';
import { parseEncoding } from '../../../src/download/decode-body.js';

describe('bodyFraming', () => {
  it.each([
    [{ 'content-length': '12' }, { announced: 12, verifiable: true }],
    [{ 'transfer-encoding': 'Chunked' }, { announced: null, verifiable: true }],
    [
      { 'transfer-encoding': 'identity', 'content-length': ' 12 ' },
      { announced: 12, verifiable: true },
    ],
    [{ 'transfer-encoding': 'Identity' }, { announced: null, verifiable: false }],
    [{}, { announced: null, verifiable: false }],
    [{ 'content-length': '-1' }, { announced: null, verifiable: false }],
    [{ 'content-length': '1e3' }, { announced: null, verifiable: false }],
  ])('reads %j', (headers, framing) => {
    expect(bodyFraming(headers)).toEqual(framing);
  });

  it('refuses a transfer coding under the chunks', () => {
    expect(() => bodyFraming({ 'transfer-encoding': 'gzip, chunked' })).toThrow(
      expect.objectContaining({ code: 'unsupported_encoding' }),
    );
  });
});

describe('parseEncoding', () => {
  it.each([
    [undefined, 'identity'],
    ['', 'identity'],
    ['identity', 'identity'],
    ['GZIP', 'gzip'],
    ['x-gzip', 'gzip'],
    ['identity, br', 'br'],
    ['deflate', 'deflate'],
  ])('reads %p as %s', (header, encoding) => {
    expect(parseEncoding(header)).toBe(encoding);
  });

  it.each(['gzip, gzip', 'br, gzip', 'zstd', 'compress', 'aws-chunked', 'gzip;q=1'])('refuses %p', (header) => {
    expect(() => parseEncoding(header)).toThrow(expect.objectContaining({ code: 'unsupported_encoding' }));
  });
});

describe('content types', () => {
  it.each([
    ['video/mp4', 'video/mp4'],
    ['Video/MP4; codecs="a"', 'video/mp4'],
    ['video', undefined],
    ['text/csv, text/csv', 'text/csv'],
    ['text/html, text/csv', 'text/csv'],
    ['text/csv; charset=utf-8,text/csv', 'text/csv'],
    ['text/csv, nonsense', 'text/csv'],
    ['text/csv, */*', 'text/csv'],
    ['*/*', '*/*'],
    ['text/csv; name="a, b/c"', 'text/csv'],
    ['text/csv; name="a\\", b/c"', 'text/csv'],
    ['text/csv; name="a, b/c', 'text/csv'],
    [',', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('parses %p as %p', (header, type) => {
    expect(parseContentType(header)).toBe(type);
  });

  it('parses a header of 16 KB made to take long in no time', () => {
    for (const piece of ['"\\', '\\"', '",', '"', '\\', ',"a'])
      expect(parseContentType(`text/csv; a=${piece.repeat(8_000)}`)).toBe('text/csv');
  }, 2_000);

  it('shows no parameters, nothing unprintable and at most 100 characters', () => {
    expect(shownContentType('Application/PDF; name="secret.pdf"')).toBe('application/pdf');
    expect(shownContentType('vid\u0007eo\u00e9; x')).toBe('video');
    expect(shownContentType(`a/${'b'.repeat(300)}`)).toHaveLength(100);
    expect(shownContentType(' ; x')).toBeUndefined();
    expect(shownContentType(undefined)).toBeUndefined();
  });

  it('joins repeated header lines as a list', () => {
    expect(headerText({ 'content-encoding': ['gzip', 'br'] as unknown as string }, 'content-encoding')).toBe(
      'gzip, br',
    );
    expect(headerText({}, 'content-encoding')).toBeUndefined();
  });
});
