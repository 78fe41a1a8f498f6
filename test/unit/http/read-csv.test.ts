import { Readable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import type { ImportLine } from '../../../src/contract/import-line.js';
import { defaultMediaTypes } from '../../../src/contract/media-type-config.js';
import { readCsv, type CsvSettings } from '../../../src/http/read-csv.js';
import { splitLines } from '../../../src/http/split-lines.js';

const MAX = 1_000;

async function read(text: string, maxBytes = MAX, room?: CsvSettings['room']): Promise<ImportLine[]> {
  const chunks = Readable.from([Buffer.from(text)]) as AsyncIterable<Buffer>;
  const lines: ImportLine[] = [];
  const settings = { maxBytes, kind: 'video', mediaTypes: defaultMediaTypes(), ...(room && { room }) } as const;
  for await (const found of readCsv(splitLines(chunks, maxBytes), settings)) lines.push(...found);
  return lines;
}

describe('readCsv', () => {
  it('reads an item a line, with metadata columns and an optional mediaType', async () => {
    const lines = await read(
      'url,id,fileName,mediaType,metadata.title,metadata.credit\nhttps://a.example/1.mp4,1,one,video,"One, first",\nhttps://a.example/2.mp4,2,two,,,LC\n',
    );

    const names = { url: 'https://a.example/1.mp4', id: '1', fileName: 'one' };
    expect(lines).toMatchObject([
      { line: 2, item: { ...names, mediaType: 'video', metadata: { title: 'One, first' } } },
      { line: 3, item: { url: 'https://a.example/2.mp4', id: '2', fileName: 'two', metadata: { credit: 'LC' } } },
    ]);
    expect(lines[1]).not.toHaveProperty('item.mediaType');
  });

  it('tells the line that an item begins on, past empty lines and line breaks in quoted cells', async () => {
    const lines = await read('url,id,fileName,metadata.text\r\na,1,one,"two\r\n""lines"""\r\n\r\nb,2,two,\r\n');

    expect(lines).toMatchObject([
      { line: 2, item: { id: '1', metadata: { text: 'two\n"lines"' } } },
      { line: 5, item: { id: '2', metadata: {} } },
    ]);
  });

  it('keeps a metadata column named __proto__ as an own key, for the check to refuse', async () => {
    const [line] = await read('url,id,fileName,metadata.__proto__\na,1,one,x\n');

    expect(JSON.stringify(line)).toContain('"__proto__":"x"');
  });

  it('keeps a bad line from harming the lines around it', async () => {
    const rows = ['a,1,one', 'b,2', 'c,3,th"ree', 'd,4,"fo"ur', 'e,5,five,x', 'f,6,six'];

    expect(await read(`url,id,fileName\n${rows.join('\n')}\n`)).toMatchObject([
      { line: 2, item: { id: '1' } },
      { line: 3, problem: 'Has 2 cells, the header has 3' },
      { line: 4, problem: 'Has a quote within a cell; a cell with quotes must be quoted and its quotes doubled' },
      { line: 5, problem: 'Has a quote within a cell; a cell with quotes must be quoted and its quotes doubled' },
      { line: 6, problem: 'Has 4 cells, the header has 3' },
      { line: 7, item: { id: '6' } },
    ]);
  });

  it('refuses a row of more cells than any header may have without reading them, and passes blank ones over', async () => {
    const rows = [
      'a,1,one',
      'x,'.repeat(1_500),
      `b,2,two${','.repeat(1_500)}`,
      ','.repeat(1_500),
      `"c",3,three${','.repeat(1_500)}`,
    ];

    expect(await read(`url,id,fileName\n${rows.join('\n')}\n`, 4_000)).toMatchObject([
      { line: 2, item: { id: '1' } },
      { line: 3, problem: 'Has more than 1000 cells' },
      { line: 4, item: { id: '2' } },
      { line: 6, item: { url: 'c', id: '3', fileName: 'three' } },
    ]);
  });

  it('counts no separator within quotes as the end of a cell', async () => {
    const [line] = await read(`url,id,fileName,metadata.text\na,1,one,"${'x,'.repeat(1_500)}"\n`, 4_000);

    expect(line).toMatchObject({ item: { metadata: { text: 'x,'.repeat(1_500) } } });
  });

  it('takes room for a record of many lines while it arrives, and gives it back', async () => {
    const kept: number[] = [];
    const room = { keep: (bytes: number) => kept.push(bytes), letGo: (bytes: number) => kept.push(-bytes) };
    const text = `url,id,fileName,metadata.text\na,1,one,"${'x\n'.repeat(100_000)}"\n${'b,2,two,\n'.repeat(3)}`;

    const lines = await read(text, 2 ** 20, room);

    expect(lines).toHaveLength(4);
    expect(lines[0]).toMatchObject({ line: 2, item: { metadata: { text: 'x\n'.repeat(100_000) } } });
    expect(lines[1]).toMatchObject({ line: 100_003 });
    const most = kept.filter((bytes) => bytes > 0).reduce((sum, bytes) => sum + bytes, 0);
    expect(most).toBeGreaterThan(2 * 200_000 - 64 * 1024);
    expect(kept.reduce((sum, bytes) => sum + bytes, 0)).toBe(0);
  });

  it('gives a quoted cell up that is not closed within what a line may have, and goes on', async () => {
    const swallowed = 'y\n'.repeat(MAX / 2);

    expect(await read(`url,id,fileName\na,1,"one\n${swallowed}b,2,two\n`)).toMatchObject([
      { line: 2, problem: 'A quoted cell is not closed' },
      ...[500, 501, 502].map((line) => ({ line, problem: 'Has 1 cells, the header has 3' })),
      { item: { id: '2' } },
    ]);
    expect(await read('url,id,fileName\na,1,"one\nb,2,two\n')).toMatchObject([
      { line: 2, problem: 'A quoted cell is not closed' },
    ]);
  });

  it.each([
    ['nothing', '', { body: 'The first line must name the columns' }],
    ['no url column', 'id,fileName\n1,one\n', { 'line.1': 'Lacks the column url' }],
    [
      'an unknown column, behind an empty line',
      '\nurl,id,fileName,title\n',
      { 'line.2': 'The column "title" is not one of url, id, fileName, mediaType, metadata.*' },
    ],
    ['a column twice', 'url,id,fileName,id\n', { 'line.1': 'The column "id" is there twice' }],
    ['a column twice in another case', 'url,id,fileName,ID\n', { 'line.1': 'The column "ID" is there twice' }],
    [
      'cells between which there is something else',
      'url|id|fileName\na|1|one\n',
      {
        'line.1': 'Has one column only, "url|id|fileName": cells must be separated by comma, semicolon or tab',
      },
    ],
    [
      'rows without a header',
      'https://a.example/1.mp4;1;one\n',
      { 'line.1': 'Must name the columns, such as url,id,fileName, and is an item' },
    ],
    ['a column without a name before others', 'url,,id,fileName\n', { 'line.1': 'Column 2 has no name' }],
    [
      'a separator that is not known',
      'sep=|\nurl|id|fileName\n',
      { 'line.1': 'sep= must name a comma, a semicolon or a tab' },
    ],
  ])('refuses %s', async (_name, text, details) => {
    await expect(read(text)).rejects.toMatchObject({ status: 400, details });
  });
});
