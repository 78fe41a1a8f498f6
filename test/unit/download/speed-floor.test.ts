import { describe, expect, it } from '@jest/globals';
import { createSpeedFloor } from '../../../src/download/receive-body.js';

const FLOOR = 16 * 1024;
const WINDOW = 60_000;

describe('createSpeedFloor', () => {
  it('fails a drip of one byte every 200 ms once the window is full', () => {
    const floor = createSpeedFloor(FLOOR, WINDOW);
    let waited = 0;
    while (floor.record(1, 200)) waited += 200;
    expect(waited).toBeGreaterThanOrEqual(WINDOW - 200);
    expect(waited).toBeLessThanOrEqual(WINDOW);
  });

  it('passes a source exactly at the floor indefinitely', () => {
    const floor = createSpeedFloor(FLOOR, WINDOW);
    const verdicts = new Set(Array.from({ length: 5_000 }, () => floor.record(FLOOR / 10, 100)));
    expect(verdicts).toEqual(new Set([true]));
  });

  it('forgets a fast start: only the last window counts', () => {
    const floor = createSpeedFloor(FLOOR, WINDOW);
    expect(floor.record(1024 ** 3, 1_000)).toBe(true);
    let waited = 0;
    while (floor.record(100, 1_000)) waited += 1_000;
    expect(waited).toBeLessThan(WINDOW + 5_000);
  });

  it('forgives a pause that is shorter than the window', () => {
    const floor = createSpeedFloor(FLOOR, WINDOW);
    expect(floor.record(1024 ** 2, 1_000)).toBe(true);
    expect(floor.record(1, 50_000)).toBe(true);
    expect(floor.record(1024 ** 2, 1_000)).toBe(true);
  });

  it('fails when one chunk took longer than the whole window', () => {
    expect(createSpeedFloor(FLOOR, WINDOW).record(1, WINDOW + 1)).toBe(false);
  });

  it('never fails what was not waited for, however little it is', () => {
    const floor = createSpeedFloor(FLOOR, WINDOW);
    const verdicts = new Set(Array.from({ length: 100_000 }, () => floor.record(1, 0)));
    expect(verdicts).toEqual(new Set([true]));
  });
});
