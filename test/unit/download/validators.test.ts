import { describe, expect, it } from '@jest/globals';
import { parseContentRange } from '../../../src/download/resume.js';
import { etagFingerprint, strongEtag, validatorsOf } from '../../../src/download/http-headers.js';

describe('validatorsOf', () => {
  it.each([
    [{ etag: '"a"', 'last-modified': 'Sat, 21 Nov 2026 07:28:00 GMT' }],
    [{ etag: 'W/"a"' }],
    [{ etag: '""' }],
    [{ etag: `"${'a'.repeat(1022)}"` }],
    [{ 'last-modified': 'yesterday' }],
  ])('takes %j as it was sent', (headers) => {
    const { etag, lastModified } = validatorsOf(headers);
    expect({ ...(etag && { etag }), ...(lastModified && { 'last-modified': lastModified }) }).toEqual(headers);
  });

  it.each([
    ['an ETag of more than 1 KiB', { etag: `"${'a'.repeat(1023)}"` }],
    ['a date of more than 1 KiB', { 'last-modified': 'x'.repeat(1025) }],
    ['an ETag outside of ASCII', { etag: '"\u00e9"' }],
    ['an ETag with a control character', { etag: '"a\tb"' }],
    ['an ETag without quotes', { etag: 'a' }],
    ['the ETag that matches anything', { etag: '*' }],
    ['a list of ETags', { etag: '"a", "b"' }],
    ['empty headers', { etag: '', 'last-modified': '' }],
    ['two lines of one header', { etag: ['"a"', '"b"'] as unknown as string }],
  ])('leaves out %s', (_name, headers) => {
    expect(validatorsOf(headers)).toEqual({});
  });
});

describe('strongEtag', () => {
  it.each([
    ['"a"', '"a"'],
    ['W/"a"', undefined],
    ['""', undefined],
    ['"a b"', undefined],
    [undefined, undefined],
  ])('of %p is %p', (etag, strong) => {
    expect(strongEtag(etag === undefined ? {} : { etag })).toBe(strong);
  });
});

describe('etagFingerprint', () => {
  it('is 16 hex digits that differ with the ETag', () => {
    expect(etagFingerprint('"a"')).toMatch(/^[0-9a-f]{16}$/);
    expect(etagFingerprint('"a"')).not.toBe(etagFingerprint('"b"'));
  });
});

describe('parseContentRange', () => {
  it.each([
    ['bytes 5-9/10', { range: { start: 5, end: 9 }, total: 10 }],
    [' Bytes 0-0/1 ', { range: { start: 0, end: 0 }, total: 1 }],
    ['bytes */10', { total: 10 }],
    ['bytes 5-9/*', undefined],
    ['bytes=5-9/10', undefined],
    ['items 5-9/10', undefined],
    ['bytes 5-9', undefined],
    ['bytes -5-9/10', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('reads %p as %j', (header, range) => {
    expect(parseContentRange(header)).toEqual(range);
  });
});
