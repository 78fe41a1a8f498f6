import { describe, expect, it } from '@jest/globals';
import { parseCell } from '../../../bench/matrix.js';

describe('a line of the benchmark', () => {
  it('is read from items, bytes and rounds', () => {
    expect(parseCell('10000x16384x3')).toEqual({ items: 10_000, bytes: 16_384, rounds: 3, contenders: 'all' });
    expect(parseCell('100000x16384x1')).toMatchObject({ items: 100_000, contenders: 'pair' });
  });

  it.each(['10000', '10000x16384', '0x1x1', '1x1x0', '1x1x1x1', '1e3x1x1', ''])('refuses %s', (text) => {
    expect(() => parseCell(text)).toThrow('is not ITEMSxBYTESxROUNDS, such as 10000x16384x3');
  });
});
