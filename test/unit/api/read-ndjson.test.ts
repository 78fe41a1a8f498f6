import { Readable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import type { ImportLine } from '../../../src/intake/request/envelope.js';
import { readNdjson } from '../../../src/api/bodies/ndjson.js';
import { splitLines } from '../../../src/api/bodies/split-lines.js';

async function read(text: string) {
  const chunks = Readable.from([Buffer.from(text)]) as AsyncIterable<Buffer>;
  const { head, headLine, lines } = await readNdjson(splitLines(chunks, 100, { skipsBlank: true }));
  const items: ImportLine[] = [];
  for await (const found of lines) items.push(...found);
  return { head, headLine, items };
}

describe('readNdjson', () => {
  it('takes the first line for the batch and every further one for an item, past empty lines', async () => {
    expect(await read('\n{"systemName":"s"}\r\n{"id":"1"}\r\n \n{"id":"2"}')).toMatchObject({
      head: { systemName: 's' },
      headLine: 2,
      items: [
        { line: 3, item: { id: '1' } },
        { line: 5, item: { id: '2' } },
      ],
    });
  });

  it('names lines that are no JSON, without quoting them', async () => {
    expect((await read('{}\n{"id":}\n[1]\n')).items).toMatchObject([
      { line: 2, problem: 'Must be valid JSON' },
      { line: 3, item: [1] },
    ]);
  });

  it.each([
    ['nothing', '\n\n', { body: 'The first line must be the batch without its items' }],
    ['no JSON', '{', { 'line.1': 'Must be valid JSON' }],
    ['a list', '[]', { 'line.1': 'Invalid type: expected object' }],
    ['a first line that is too long', 'x'.repeat(101), { 'line.1': 'Must be at most 100 bytes' }],
    [
      'an item first',
      '{"url":"https://a.example"}',
      { 'line.1': 'Must be the batch without its items, such as {"systemName":"my-cms"}, and is an item' },
    ],
  ])('refuses %s', async (_name, text, details) => {
    await expect(read(text)).rejects.toMatchObject({ status: 400, details });
  });
});
