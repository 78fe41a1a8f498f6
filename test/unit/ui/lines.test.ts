import { describe, expect, it } from '@jest/globals';
import { parseText } from '../../../ui/src/lines/parse.js';
import { kindOf, propose, repairedUrl } from '../../../ui/src/lines/propose.js';
import { byKind, problemsOf, repeatedIds, withEdit, withRepairs, withVerdict } from '../../../ui/src/lines/table.js';

const rowsOf = (text: string) => propose(parseText(text).lines);

describe('reading what was pasted or dropped', () => {
  it('takes addresses one a line, without what lists and messages put around them', () => {
    const { format, lines } = parseText(
      '\n<https://a.example/1.mp4>,\r\n  "https://a.example/2.mp4"\nhttps://a.example/3.mp4 https://a.example/4.mp4',
    );
    expect(format).toBe('urls');
    expect(lines.map(({ line, url }) => [line, url])).toEqual([
      [2, 'https://a.example/1.mp4'],
      [3, 'https://a.example/2.mp4'],
      [4, 'https://a.example/3.mp4'],
      [4, 'https://a.example/4.mp4'],
    ]);
  });

  it.each([
    ['comma', ','],
    ['semicolon', ';'],
    ['tab', '\t'],
  ])('takes a table separated by %s, with a byte order mark, quotes and names in any case', (_name, separator) => {
    const header = ['URL', 'Id', 'File Name', 'metadata.title', 'Alt'].join(separator);
    const row = ['https://a.example/1.mp4', 'one', 'first.mp4', `"Sea${separator} and ""sky"""`, 'Waves'].join(
      separator,
    );
    const { format, lines } = parseText(`\uFEFF${header}\r\n${row}\r\n\r\n`);
    expect(format).toBe('table');
    expect(lines).toEqual([
      {
        line: 2,
        url: 'https://a.example/1.mp4',
        id: 'one',
        fileName: 'first.mp4',
        mediaType: null,
        metadata: { title: `Sea${separator} and "sky"`, Alt: 'Waves' },
      },
    ]);
  });

  it('takes the apostrophe off that an export puts before a formula', () => {
    expect(parseText("url,metadata.note\nhttps://a.example/1.mp4,'=1+1").lines[0]?.metadata).toEqual({ note: '=1+1' });
  });

  it('takes a JSON batch, with its system', () => {
    const text = JSON.stringify({
      systemName: 'cms',
      videos: [{ url: 'https://a.example/1.mp4', id: 'one', fileName: 'a', metadata: { n: 1 } }],
    });
    expect(parseText(text)).toMatchObject({
      format: 'json',
      systemName: 'cms',
      lines: [{ id: 'one', metadata: { n: 1 } }],
    });
  });

  it('takes NDJSON with and without the line of the batch, and marks a line that is no JSON', () => {
    const { systemName, lines } = parseText('{"systemName":"cms"}\n{"url":"https://a.example/1.mp4"}\n{"url":\n');
    expect(systemName).toBe('cms');
    expect(lines).toMatchObject([
      { line: 2, url: 'https://a.example/1.mp4' },
      { line: 3, unreadable: 'Must be valid JSON' },
    ]);
  });

  it('reads 100,000 rows of a table', () => {
    const rows = Array.from({ length: 100_000 }, (_, at) => `https://a.example/${at}.jpg,${at}`);
    expect(parseText(`url,id\n${rows.join('\n')}`).lines).toHaveLength(100_000);
  });
});

describe('proposing what is missing', () => {
  it('names files by the last part of their path, decoded and without query', () => {
    expect(rowsOf('https://a.example/caf%C3%A9/m%C3%BCnchen%20nord.jpg?token=1')).toMatchObject([
      { fileName: 'münchen nord.jpg', id: 'münchen-nord', kind: 'image' },
    ]);
  });

  it('tells equal names apart by their folders, and then by a number', () => {
    const ids = rowsOf(
      'https://a.example/x/a.jpg\nhttps://a.example/y/a.jpg\nhttps://a.example/y/a.jpg?2\nhttps://a.example/y/a.jpg?3',
    ).map(({ id }) => id);
    expect(ids).toEqual(['a', 'y-a', 'a.example-y-a', 'a-2']);
  });

  it('keeps an id that was given, and proposes it for no other line', () => {
    const rows = rowsOf('url,id\nhttps://a.example/one.jpg,\nhttps://a.example/two.jpg,one');
    expect(rows.map(({ id }) => id)).toEqual(['a.example-one', 'one']);
  });

  it.each([
    ['https://a.example/a.MP4?x=.png', 'video'],
    ['https://a.example/a.jpeg#b', 'image'],
    ['https://a.example/a.pdf', 'file'],
    ['https://a.example/watch', 'file'],
  ])('takes %s for a %s', (url, kind) => {
    expect(kindOf(url)).toBe(kind);
  });

  it.each([
    ['cdn.example.com/a.jpg', 'https://cdn.example.com/a.jpg'],
    ['//cdn.example.com/a.jpg', 'https://cdn.example.com/a.jpg'],
    ['htps://cdn.example.com/a.jpg', 'https://cdn.example.com/a.jpg'],
    ['http:/cdn.example.com/a.jpg', 'http://cdn.example.com/a.jpg'],
    ['https//cdn.example.com/a.jpg', 'https://cdn.example.com/a.jpg'],
    ['https://cdn.example.com/a\u200b.jpg', 'https://cdn.example.com/a.jpg'],
    ['https://cdn.example.com/a.jpg', null],
    ['ftp://cdn.example.com/a.jpg', null],
    ['10.0.0.3', null],
  ])('repairs %s to %s', (url, repaired) => {
    expect(repairedUrl(url)).toBe(repaired);
  });
});

describe('the table of lines', () => {
  const refused = { url: 'The URL must be absolute' };

  it('keeps the verdict of the service only for a row that is still as it was sent', () => {
    const sent = rowsOf('cdn.example.com/a.jpg\ncdn.example.com/b.jpg');
    const edited = withEdit(sent, 0, 'url', 'https://cdn.example.com/a.jpg');
    const judged = withVerdict(
      edited,
      sent,
      new Map([
        [0, refused],
        [1, refused],
      ]),
    );
    expect(judged.map(({ problems, isChecked }) => [problems, isChecked])).toEqual([
      [{}, false],
      [refused, true],
    ]);
  });

  it('forgets the problem of a cell that is edited, and keeps those of other cells', () => {
    const [row] = rowsOf('cdn.example.com/a.jpg');
    if (row === undefined) throw new Error('There is a row');
    const bad = [{ ...row, problems: { ...refused, id: 'Must have 1 to 500 characters' }, isChecked: true }];
    expect(withEdit(bad, 0, 'url', 'https://x.example/a.jpg')).toMatchObject([
      { problems: { id: 'Must have 1 to 500 characters' }, isChecked: false },
    ]);
  });

  it('repairs every address that can be, and no other', () => {
    const rows = rowsOf('cdn.example.com/a.jpg\nftp://x.example/b.jpg').map((row) => ({ ...row, problems: refused }));
    expect(withRepairs(rows).map(({ url, problems }) => [url, problems])).toEqual([
      ['https://cdn.example.com/a.jpg', {}],
      ['ftp://x.example/b.jpg', refused],
    ]);
  });

  it('tells that an id is there twice at the later line, whatever the kinds', () => {
    const rows = rowsOf('url,id\nhttps://a.example/a.jpg,same\nhttps://a.example/a.mp4,same');
    const repeated = repeatedIds(rows);
    expect(rows.map((row) => problemsOf(row, repeated))).toEqual([{}, { id: 'Must be unique, line 2 has the same' }]);
  });

  it('sorts rows by type, or takes all as one kind', () => {
    const rows = rowsOf('https://a.example/a.jpg\nhttps://a.example/b.mp4\nhttps://a.example/c.jpg');
    expect(byKind(rows, 'by-type').map(([kind, group]) => [kind, group.length])).toEqual([
      ['image', 2],
      ['video', 1],
    ]);
    expect(byKind(rows, 'file').map(([kind, group]) => [kind, group.length])).toEqual([['file', 3]]);
  });
});
