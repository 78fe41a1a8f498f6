import { describe, expect, it } from '@jest/globals';
import { markdownTable, median, quantile, replaceBlock } from '../../../bench/figures.js';

describe('quantile', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);

  it('is the value of the nearest rank, whatever the order', () => {
    expect([0.5, 0.95, 1].map((q) => quantile(hundred, q))).toEqual([50, 95, 100]);
  });

  it('is always a measured value: of ten the p95 is the largest', () => {
    expect(quantile([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 0.95)).toBe(10);
  });

  it('is the smallest at 0, and nothing of nothing', () => {
    expect(quantile([3, 1, 2], 0)).toBe(1);
    expect(quantile([], 0.5)).toBeNaN();
  });
});

describe('median', () => {
  it('is the middle of an odd number and the mean of the two middle ones of an even number', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([])).toBeNaN();
  });
});

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
