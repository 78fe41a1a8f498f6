import { describe, expect, it } from '@jest/globals';
import { readCsvItems } from '../../../src/cli/csv-items.js';

describe('readCsvItems', () => {
  it('reads an item a line, with metadata columns and an optional mediaType', () => {
    const { items, lines } = readCsvItems(
      'url,id,fileName,mediaType,metadata.title,metadata.credit\nhttps://a.example/1.mp4,1,one,video,"One, first",\nhttps://a.example/2.mp4,2,two,,,LC\n',
    );

    expect(items).toEqual([
      {
        url: 'https://a.example/1.mp4',
        id: '1',
        fileName: 'one',
        mediaType: 'video',
        metadata: { title: 'One, first' },
      },
      { url: 'https://a.example/2.mp4', id: '2', fileName: 'two', metadata: { credit: 'LC' } },
    ]);
    expect(lines).toEqual([2, 3]);
  });

  it('tells the line that an item begins on, past empty lines and line breaks in quoted cells', () => {
    const { lines } = readCsvItems('url,id,fileName,metadata.text\na,1,one,"two\nlines"\n\nb,2,two,\n');

    expect(lines).toEqual([2, 5]);
  });

  it('keeps a metadata column named __proto__ as an own key, for the API to refuse', () => {
    const { items } = readCsvItems('url,id,fileName,metadata.__proto__\na,1,one,x\n');

    expect(JSON.stringify(items[0])).toContain('"__proto__":"x"');
  });

  it.each([
    ['nothing', '', 'is empty: the first line must name the columns'],
    ['no url column', 'id,fileName\n1,one\n', 'line 1: lacks the column url'],
    ['an unknown column', 'url,id,fileName,title\n', 'line 1: the column "title" is not one of'],
    ['a column twice', 'url,id,fileName,id\n', 'line 1: the column "id" is there twice'],
    [
      'a cell too many',
      'url,id,fileName\na,1,one\nb,2,two,x\n',
      'line 3: has another number of cells than the first line',
    ],
    ['an open quote', 'url,id,fileName\na,1,"one\n', /^line \d: a quoted cell/],
    ['a quote within a cell', 'url,id,fileName\na,1,o"ne\n', 'line 2: has a quote within a cell'],
  ])('names the place of %s', (_name, text, message) => {
    expect(() => readCsvItems(text)).toThrow(message);
  });
});
