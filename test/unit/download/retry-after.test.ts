import { describe, expect, it } from '@jest/globals';
import { retryAfterMs } from '../../../src/download/http-headers.js';

const NOW = Date.UTC(2026, 10, 22, 8, 0, 0);
const QUARTER_HOUR = 15 * 60_000;

describe('retryAfterMs', () => {
  it.each([
    ['seconds', '7', 7_000],
    ['zero', '0', 0],
    ['seconds with space around', ' 12 ', 12_000],
    ['seconds beyond the cap', '86400', QUARTER_HOUR],
    ['absurd seconds', '9'.repeat(400), QUARTER_HOUR],
    ['an IMF date', 'Sun, 22 Nov 2026 08:00:30 GMT', 30_000],
    ['an RFC 850 date', 'Sunday, 22-Nov-26 08:01:00 GMT', 60_000],
    ['an asctime date', 'Sun Nov 22 08:02:00 2026', 120_000],
    ['a date beyond the cap', 'Mon, 23 Nov 2026 08:00:00 GMT', QUARTER_HOUR],
    ['a date in the past', 'Sun, 22 Nov 2026 07:00:00 GMT', 0],
  ])('reads %s', (_name, value, expected) => {
    expect(retryAfterMs(value, NOW)).toBe(expected);
  });

  it.each([undefined, '', 'soon', '-5', '1.5', '2026-11-22T08:00:30Z', '10 seconds', 'Sun, 99 Nov 2026 99:00:00 GMT'])(
    'takes %p for none',
    (value) => {
      expect(retryAfterMs(value, NOW)).toBeUndefined();
    },
  );
});
