import { Readable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import type { ImportLine } from '../../../src/intake/request/envelope.js';
import { parseMediaTypes } from '../../../src/domain/media-types.js';
import { readCsv } from '../../../src/api/bodies/csv.js';
import { splitLines } from '../../../src/api/bodies/split-lines.js';

const MAX = 2 * 1024 * 1024;

const mediaTypes = parseMediaTypes([
  {
    handle: 'brochure',
    type: 'mediaFile',
    metadata: [
      { handle: 'title', type: 'li-text' },
      { handle: 'pages', type: 'li-integer' },
      { handle: 'price', type: 'li-float' },
      { handle: 'public', type: 'li-boolean' },
      { handle: 'tags', type: 'li-string-list' },
      { handle: 'rank', type: 'li-enum', config: { enum: [1, 2, 'three'] } },
      { handle: 'day', type: 'li-date' },
    ],
  },
]);

async function read(text: string | Buffer): Promise<ImportLine[]> {
  const chunks = Readable.from([Buffer.from(text)]) as AsyncIterable<Buffer>;
  const lines: ImportLine[] = [];
  for await (const found of readCsv(splitLines(chunks, MAX), { maxBytes: MAX, kind: 'file', mediaTypes }))
    lines.push(...found);
  return lines;
}

const TWO = [
  { item: { url: 'http://a.example/1', id: '1', fileName: 'one, first', metadata: { title: 'A;"B"' } } },
  { item: { url: 'http://a.example/2', id: '2', fileName: 'two', metadata: {} } },
];

/** Metadata of one row of a brochure below these columns. */
async function metadataOf(names: readonly string[], cells: readonly string[], separator = ','): Promise<unknown> {
  const quoted = cells.map((cell) => `"${cell.replaceAll('"', '""')}"`);
  const rows = [
    ['url', 'id', 'fileName', 'mediaType', ...names.map((name) => `metadata.${name}`)],
    ['http://a.example/1', '1', 'one', 'brochure', ...quoted],
  ];
  const [line] = await read(rows.map((row) => row.join(separator)).join('\n'));
  return line !== undefined && 'item' in line ? (line.item as { metadata: unknown }).metadata : line;
}

describe('readCsv of what spreadsheets write', () => {
  it.each([
    ['written with bars', 'a|'.repeat(100_000)],
    ['written as JSON', `["a"${',"a"'.repeat(100_000)}]`],
    ['of lists', `${'['.repeat(20_000)}${']'.repeat(20_000)}`],
  ])('refuses a list of far too many entries, %s, without reading it', async (_, cell) => {
    expect(await metadataOf(['tags'], [cell])).toMatchObject({
      line: 2,
      problem: 'Must have at most 5000 values in its metadata',
    });
  });

  it('takes a list whose only text has as many separators', async () => {
    const tag = 'a|b,'.repeat(20_000);

    expect(await metadataOf(['tags'], [JSON.stringify([tag])])).toEqual({ tags: [tag] });
  });

  it('tells an integer beyond 2^53 in a list from the number that it would become', async () => {
    expect(await metadataOf(['tags'], ['[9007199254740993]'])).toEqual({ tags: [9007199254740992n] });
  });

  it.each([
    [
      'commas',
      'url,id,fileName,metadata.title\nhttp://a.example/1,1,"one, first","A;""B"""\nhttp://a.example/2,2,two,\n',
    ],
    [
      'semicolons, a byte order mark and CRLF',
      '\ufeffurl;id;fileName;metadata.title\r\nhttp://a.example/1;1;one, first;"A;""B"""\r\nhttp://a.example/2;2;two;\r\n',
    ],
    [
      'tabs',
      'url\tid\tfileName\tmetadata.title\nhttp://a.example/1\t1\tone, first\t"A;""B"""\nhttp://a.example/2\t2\ttwo\t\n',
    ],
    [
      'a line that declares the separator, behind a byte order mark',
      '\ufeffsep=;\r\nurl;id;fileName;metadata.title\r\nhttp://a.example/1;1;one, first;"A;""B"""\r\nhttp://a.example/2;2;two;\r\n',
    ],
    [
      'quoted names',
      '"url";"id";"fileName";"metadata.title"\n"http://a.example/1";"1";"one, first";"A;""B"""\nhttp://a.example/2;2;two;""\n',
    ],
    [
      'names in any case, with blanks around them',
      ' URL ; Id ; FILENAME ; Metadata.title \nhttp://a.example/1;1;one, first;"A;""B"""\nhttp://a.example/2;2;two;\n',
    ],
    [
      'blank rows and blank columns at the end',
      ';;;;;\nurl;id;fileName;metadata.title;;\n;;;;;\nhttp://a.example/1;1;one, first;"A;""B""";;\n; ;"";;;\nhttp://a.example/2;2;two;;;\n;;;;;\n',
    ],
    [
      'rows that end at their last value',
      'url;id;fileName;metadata.title\nhttp://a.example/1;1;one, first;"A;""B"""\nhttp://a.example/2;2;two\n',
    ],
  ])('reads %s', async (_name, text) => {
    const lines = await read(text);

    expect(lines).toHaveLength(2);
    expect(lines).toMatchObject(TWO);
    expect(lines.map((line) => ('item' in line ? (line.item as { metadata: unknown }).metadata : line))).toEqual([
      { title: 'A;"B"' },
      {},
    ]);
  });

  it('counts lines as they stand in the file', async () => {
    expect(await read('sep=;\n\nurl;id;fileName\n;;\na;1;"one\nmore"\n;;\nb;2;two;x\n')).toMatchObject([
      { line: 5, item: { id: '1' } },
      { line: 8, problem: 'Has 4 cells, the header has 3' },
    ]);
  });

  it('takes a cell that is blank for a value that is absent', async () => {
    const [line] = await read('url,id,fileName,mediaType,metadata.title\n,"",one, ,\n');

    expect(line).toEqual({ line: 2, bytes: expect.any(Number), item: { fileName: 'one', metadata: {} } });
  });

  it.each([
    ['pages', '12', 12],
    ['pages', ' -3 ', -3],
    ['pages', '9007199254740991', 9007199254740991],
    ['pages', '9007199254740993', 9007199254740993n],
    ['pages', '12 pages', '12 pages'],
    ['pages', '1.5', '1.5'],
    ['price', '3.14', 3.14],
    ['price', '1e3', 1_000],
    ['price', '7', 7],
    ['price', '3,14', '3,14'],
    ['price', '1e999', '1e999'],
    ['price', 'free', 'free'],
    ['public', 'TRUE', true],
    ['public', 'no', false],
    ['public', 'WAHR', true],
    ['public', 'faux', false],
    ['public', '1', true],
    ['public', 'maybe', 'maybe'],
    ['tags', 'red', ['red']],
    ['tags', 'red, green', ['red', 'green']],
    ['tags', 'Paris, France; Rome, Italy', ['Paris, France', 'Rome, Italy']],
    ['tags', 'a;b | c,d |', ['a;b', 'c,d']],
    ['tags', '["a|b","c"]', ['a|b', 'c']],
    ['tags', '[draft', ['[draft']],
    ['rank', '2', 2],
    ['rank', 'three', 'three'],
    ['rank', '4', '4'],
    ['title', '0012', '0012'],
    ['title', 'true', 'true'],
    ['day', '2026-11-27', '2026-11-27'],
    ['other', '12', '12'],
  ])('reads the %s %j as %p', async (field, cell, value) => {
    expect(await metadataOf([field], [cell])).toEqual({ [field]: value });
  });

  it('reads a decimal comma where semicolons stand between cells', async () => {
    expect(await metadataOf(['price'], ['3,14'], ';')).toEqual({ price: 3.14 });
    expect(await metadataOf(['price'], ['1.234,5'], ';')).toEqual({ price: '1.234,5' });
  });

  it('reads cells by the media type of their row, and by that of the route where the row names none', async () => {
    const lines = await read(
      'url,id,fileName,mediaType,metadata.pages\na,1,one,brochure,12\nb,2,two,,12\nc,3,three,unknown,12\n',
    );

    expect(lines).toMatchObject([
      { item: { mediaType: 'brochure', metadata: { pages: 12 } } },
      { item: { metadata: { pages: '12' } } },
      { item: { mediaType: 'unknown', metadata: { pages: '12' } } },
    ]);
  });

  it('finds the field of a column whose name differs in case, unless two columns do', async () => {
    expect(await metadataOf(['Pages'], ['12'])).toEqual({ pages: 12 });
    expect(await metadataOf(['Pages', 'pages'], ['12', '13'])).toEqual({ Pages: '12', pages: 13 });
    expect(await metadataOf(['Other', 'OTHER'], ['x', 'y'])).toEqual({ Other: 'x', OTHER: 'y' });
  });

  it.each(['=', '+', '-', '@', '\t', '\r'])('takes off the apostrophe that keeps %j from being run', async (first) => {
    expect(await metadataOf(['title'], [`'${first}SUM(A1)`])).toEqual({ title: `${first}SUM(A1)` });
    expect(await metadataOf(['title'], [`''${first}`])).toEqual({ title: `''${first}` });
    expect(await read(`url,id,fileName\na,"'${first}1",one\n`)).toMatchObject([{ item: { id: `${first}1` } }]);
  });

  it('leaves other apostrophes and other first characters alone', async () => {
    expect(await metadataOf(['title'], ["'tis the season"])).toEqual({ title: "'tis the season" });
    expect(await metadataOf(['pages'], ["'-5"])).toEqual({ pages: -5 });
    expect(await metadataOf(['title'], ['=SUM(A1)'])).toEqual({ title: '=SUM(A1)' });
  });

  describe('within bounds', () => {
    const manyColumns = (count: number) =>
      `url,id,fileName${Array.from({ length: count - 3 }, (_, index) => `,metadata.f${index}`).join('')}`;
    /** Processor time, so that other tests on the machine do not count. */
    const msOf = async (work: () => Promise<unknown>) => {
      const before = process.cpuUsage();
      await work();
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1_000;
    };

    it('takes 1,000 columns', async () => {
      const cells = Array.from({ length: 997 }, (_, index) => `v${index}`).join(',');

      expect(await read(`${manyColumns(1_000)}\na,1,one,${cells}\n`)).toMatchObject([
        { item: { id: '1', metadata: { f0: 'v0', f996: 'v996' } } },
      ]);
    });

    it.each([1_001, 90_000])('refuses %i columns at once', async (count) => {
      const reading = read(`${manyColumns(count)}\n`);

      await expect(reading).rejects.toMatchObject({ details: { 'line.1': 'Must have at most 1000 columns' } });
      expect(await msOf(() => read(`${manyColumns(count)}\n`).catch(() => null))).toBeLessThan(500);
    });

    it('passes over as many blank columns as a spreadsheet has', async () => {
      const blank = ','.repeat(16_381);

      expect(await read(`url,id,fileName${blank}\na,1,one${blank}\n`)).toMatchObject([{ item: { id: '1' } }]);
    });

    it.each([
      ['blanks in a name', `url,id,fileName,metadata.${' '.repeat(1_000_000)}x${' '.repeat(500_000)}\n`],
      ['separators in front of a name', `${','.repeat(1_000_000)}x\n`],
      ['digits in a cell', `url,id,fileName,mediaType,metadata.price\na,1,one,brochure,${'1'.repeat(1_500_000)}x\n`],
      ['digits of a number', `url,id,fileName,mediaType,metadata.pages\na,1,one,brochure,${'1'.repeat(1_500_000)}\n`],
      ['quotes', `url,id,fileName\n${'"'.repeat(1_500_000)}\n`],
    ])('spends no time on a million %s', async (_name, text) => {
      expect(await msOf(() => read(text).catch(() => null))).toBeLessThan(2_000);
    });
  });
});
