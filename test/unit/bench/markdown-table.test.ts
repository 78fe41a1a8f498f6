import { describe, expect, it } from '@jest/globals';
import { markdownTable } from '../../../bench/report/markdown-table.js';
import { replaceBlock } from '../../../bench/report/replace-block.js';

describe('markdownTable', () => {
  it('aligns words to the left and numbers to the right', () => {
    const table = markdownTable(
      ['Name', 'Items/s'],
      [
        ['bare loop', '1,234'],
        ['x', '–'],
      ],
    );
    expect(table.split('\n')).toEqual([
      '| Name      | Items/s |',
      '| --------- | ------: |',
      '| bare loop |   1,234 |',
      '| x         |       – |',
    ]);
  });
});

describe('a cell', () => {
  it('may hold what parts cells', () => {
    expect(markdownTable(['a | b'], [['c']]).split('\n')[0]).toBe('| a \\| b |');
  });
});

describe('replaceBlock', () => {
  it('replaces what stands between the marks and nothing else', () => {
    const page = 'a\n<!-- t -->\n\nold\n\n<!-- /t -->\nb\n';
    expect(replaceBlock(page, 't', 'new\n')).toBe('a\n<!-- t -->\n\nnew\n\n<!-- /t -->\nb\n');
  });

  it('says which block a page does not have', () => {
    expect(() => replaceBlock('a\n', 't', 'new')).toThrow('The page has no block t');
  });
});
