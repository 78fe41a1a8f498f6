import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { blobKey, isBlobKey, isPartKey, newPartKey, noteKey } from '../../../src/blobs/blob-key.js';

const key = fc.stringMatching(/^[A-Za-z0-9:_-]{1,200}$/);

describe('keys of the blob store', () => {
  it('gives different keys of parts different notes, none of them named like a part', () => {
    fc.assert(
      fc.property(key, key, (one, other) => {
        expect(noteKey(one) === noteKey(other)).toBe(one === other);
        expect(noteKey(one)).toMatch(/^parts\/[A-Za-z0-9._-]+\.json$/);
        expect(isPartKey(noteKey(one))).toBe(true);
      }),
    );
  });

  it('knows what is its own', () => {
    expect(isPartKey(newPartKey())).toBe(true);
    expect(isBlobKey(blobKey('0a'.repeat(32)))).toBe(true);
  });

  it.each([
    'parts',
    'parts/',
    'parts/notes.txt',
    'parts/../sha256/x.json',
    'parts/deep/x.json',
    'x/parts/x.json',
    `sha256/ab/${'cd'.repeat(32)}`,
    `sha256/ab/${'AB'.repeat(32)}`,
    `sha256/ab/${'ab'.repeat(32)}/x`,
  ])('takes %s for foreign', (place) => {
    expect(isPartKey(place) || isBlobKey(place)).toBe(false);
  });
});
