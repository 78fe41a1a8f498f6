import { describe, expect, it } from '@jest/globals';
import { partBytesFor } from '../../../src/blobs/s3/writer.js';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

describe('partBytesFor', () => {
  it.each([
    ['an unknown length', null, 8 * MIB],
    ['the largest download of the default limit', 50 * GIB, 8 * MIB],
    ['10,000 parts of exactly 8 MiB', 80_000 * MIB, 8 * MIB],
    ['a byte more', 80_000 * MIB + 1, 9 * MIB],
    ['the largest object of S3', 5 * 1024 * GIB, 525 * MIB],
  ])('fits %s into 10,000 parts', (_, hint, bytes) => {
    expect(partBytesFor(8 * MIB, hint)).toBe(bytes);
    expect(bytes * 10_000).toBeGreaterThanOrEqual(hint ?? 0);
  });
});
