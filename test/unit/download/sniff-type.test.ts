import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { sniffType } from '../../../src/download/media-type/sniff.js';
import { allSampleMedia } from '../../support/sample-media.js';

const HEAD = 64 * 1024;

describe('sniffType', () => {
  it.each(allSampleMedia())('knows $name by its first 64 KiB', async ({ body, mimeType }) => {
    expect((await sniffType(body.subarray(0, HEAD))).type).toBe(mimeType);
  });

  it('survives samples with random damage', async () => {
    const samples = allSampleMedia();
    await fc.assert(
      fc.asyncProperty(
        fc.nat(samples.length - 1),
        fc.array(fc.tuple(fc.nat(4_000), fc.integer({ min: 0, max: 255 })), { maxLength: 40 }),
        fc.nat(HEAD),
        async (index, damage, length) => {
          const head = Buffer.from(samples[index]?.body.subarray(0, length) ?? []);
          for (const [at, value] of damage) if (at < head.length) head[at] = value;
          const started = performance.now();
          await sniffType(head);
          return performance.now() - started < 3_000;
        },
      ),
      { numRuns: 400 },
    );
  });

  it.each([
    ['nothing', '', false],
    ['ASCII', 'hello\n', true],
    ['a character cut in half', Buffer.from('grün').subarray(0, 3), true],
    ['a NUL', 'a\0b', false],
    ['bytes that are not UTF-8', Buffer.from([0x61, 0xff, 0xfe, 0x62]), false],
    ['UTF-16 with its mark', Buffer.from('\ufeffabc', 'utf16le'), true],
  ])('says whether %s is text', async (_name, bytes, text) => {
    expect((await sniffType(Buffer.from(bytes as string))).text).toBe(text);
  });
});
