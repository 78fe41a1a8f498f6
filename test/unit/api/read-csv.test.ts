import { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { ImportLine } from '../../../src/intake/request/envelope.js';
import { defaultMediaTypes } from '../../../src/domain/media-types.js';
import { readCsv, type CsvSettings } from '../../../src/api/bodies/csv.js';
import { splitLines } from '../../../src/api/bodies/split-lines.js';

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

  describe('with a quoted record of 2 MiB', () => {
    const BYTES = 2 * 1024 * 1024;
    const SLICES = BYTES / (64 * 1024);
    const table = (cell: string) => `url,id,fileName,metadata.text\na,1,one,${cell}\nb,2,two,"z"\n`;
    afterEach(async () => {
      jest.restoreAllMocks();
      // What began by that clock ends with the turn of the event loop.
      await turn();
    });

    /** Reads while every look at the clock finds that the time of this turn of the event loop is over, and counts the turns. */
    async function readInTurns(text: string): Promise<{ lines: ImportLine[]; turns: number }> {
      let now = performance.now();
      jest.spyOn(performance, 'now').mockImplementation(() => (now += 1_000));
      let turns = 0;
      let isDone = false;
      const hasEnded = () => isDone;
      const counting = (async () => {
        while (!hasEnded()) {
          await turn();
          turns += 1;
        }
      })();
      const lines = await read(text, BYTES);
      isDone = true;
      await counting;
      return { lines, turns };
    }

    it.each([
      ['plain text', 'x'],
      ['doubled quotes', 'x""'],
      ['letters beyond ASCII', 'xé€😀'],
      ['line breaks', 'xy\n'],
      ['separators', 'xy,'],
    ])('lets others in between two slices of %s, and reads it whole', async (_what, piece) => {
      const count = Math.floor((BYTES - 1_000) / Buffer.byteLength(piece));

      const { lines, turns } = await readInTurns(table(`"${piece.repeat(count)}"`));

      expect(lines).toMatchObject([{ item: { id: '1' } }, { item: { id: '2', metadata: { text: 'z' } } }]);
      const [first] = lines;
      const found = first !== undefined && 'item' in first ? (first.item as { metadata: { text: string } }) : undefined;
      // Not by toBe, which would print both.
      expect(found?.metadata.text === piece.replace('""', '"').repeat(count)).toBe(true);
      // Every second look waits: the first one of a turn begins it.
      expect(turns).toBeGreaterThanOrEqual(SLICES / 2);
    });

    it('says what is wrong at its end, and goes on behind it', async () => {
      const { lines, turns } = await readInTurns(table(`"${'x'.repeat(BYTES - 1_000)}"y`));

      expect(lines).toMatchObject([
        { line: 2, problem: 'Has a quote within a cell; a cell with quotes must be quoted and its quotes doubled' },
        { line: 3, item: { id: '2' } },
      ]);
      expect(turns).toBeGreaterThanOrEqual(SLICES);
    });
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
