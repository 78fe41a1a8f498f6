import { Readable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { splitLines, type TextLine } from '../../../src/api/bodies/split-lines.js';

const MAX = 10;

async function linesOf(bytes: Buffer, piece = bytes.length): Promise<TextLine[]> {
  const chunks: Buffer[] = [];
  for (let from = 0; from < bytes.length; from += piece) chunks.push(bytes.subarray(from, from + piece));
  const lines: TextLine[] = [];
  for await (const found of splitLines(Readable.from(chunks) as AsyncIterable<Buffer>, MAX)) lines.push(...found);
  return lines;
}

describe('splitLines', () => {
  it.each([1, 2, 3, 100])('finds the same lines in pieces of %i bytes, without the byte order mark', async (piece) => {
    const lines = await linesOf(Buffer.from('\uFEFFone\r\n\n\u00e9\u20ac\nlast'), piece);

    expect(lines).toMatchObject([
      { line: 1, text: 'one' },
      { line: 2, text: '' },
      { line: 3, text: '\u00e9\u20ac' },
      { line: 4, text: 'last' },
    ]);
  });

  it('has no line after the last line break, and none in nothing', async () => {
    expect(await linesOf(Buffer.from('a\n'))).toHaveLength(1);
    expect(await linesOf(Buffer.alloc(0))).toEqual([]);
  });

  it.each([1, 7, 100])('passes over a line that is too long, in pieces of %i bytes', async (piece) => {
    expect(await linesOf(Buffer.from(`${'x'.repeat(MAX)}\n${'x'.repeat(50)}\nb\n`), piece)).toEqual([
      { line: 1, bytes: MAX, text: 'x'.repeat(MAX) },
      { line: 2, bytes: 50, problem: 'Must be at most 10 bytes' },
      { line: 3, bytes: 1, text: 'b' },
    ]);
  });

  it('tells a line that is not UTF-8 from its neighbours', async () => {
    expect(await linesOf(Buffer.from([0x61, 0x0a, 0xff, 0x0a, 0x62]))).toMatchObject([
      { line: 1, text: 'a' },
      { line: 2, problem: 'Must be UTF-8' },
      { line: 3, text: 'b' },
    ]);
  });
});
