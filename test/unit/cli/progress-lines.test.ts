import { describe, expect, it } from '@jest/globals';
import { progressLines } from '../../../src/cli/status.js';

const SECOND = 1_000;
const DAY = 86_400 * SECOND;

/** When lines were written, in seconds, for an import that is looked at every second for so long. */
function linesOver(durationMs: number): number[] {
  let now = 0;
  const at: number[] = [];
  const tell = progressLines(
    () => at.push(now / SECOND),
    () => now,
  );
  for (; now < durationMs; now += SECOND) tell({ total: 10, open: 5, success: 5, skipped: 0, failed: 0 });
  return at;
}

describe('progressLines', () => {
  it('writes at once, and then at most every five seconds', () => {
    expect(linesOver(31 * SECOND)).toEqual([0, 5, 10, 15, 20, 25, 30]);
  });

  it('writes some hundred lines for an import of three days', () => {
    expect(linesOver(3 * DAY).length).toBeLessThan(150);
  });

  it('tells the failures as soon as there are some', () => {
    const lines: string[] = [];
    const tell = progressLines((line) => lines.push(line));

    tell({ total: 3_000, open: 1_000, success: 1_990, skipped: 0, failed: 10 });

    expect(lines).toEqual(['2,000 of 3,000 items done, 10 failed']);
  });
});
