import { describe, expect, it } from '@jest/globals';
import { fairShare } from '../../../src/host-limits/host-slots.js';

const NOW = new Date('2026-11-24T12:00:00Z');
const ago = (ms: number) => new Date(NOW.getTime() - ms);

describe('fairShare', () => {
  it('is everything while no other project wants any', () => {
    expect(fairShare({ held: { a: 8, b: 8 }, wanting: { a: NOW } }, 'a', 16, NOW)).toBe(16);
    expect(fairShare({ held: { a: 16 }, wanting: { b: ago(10_000) } }, 'a', 16, NOW)).toBe(16);
  });

  it('is an equal part for each who holds or wants some', () => {
    expect(fairShare({ held: { a: 16 }, wanting: { b: NOW } }, 'a', 16, NOW)).toBe(8);
    expect(fairShare({ held: { a: 8, b: 8 }, wanting: { c: ago(500), b: NOW } }, 'a', 16, NOW)).toBe(5);
  });

  it('is none where there are more workers than slots, so that they take turns', () => {
    expect(fairShare({ held: { a: 1 }, wanting: { b: NOW } }, 'a', 1, NOW)).toBe(0);
  });
});
