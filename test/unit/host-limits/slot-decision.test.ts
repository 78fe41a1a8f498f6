import { describe, expect, it } from '@jest/globals';
import { LINGER_MS, fairShare, nextMove, type SlotState } from '../../../src/host-limits/slot-decision.js';

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

describe('nextMove', () => {
  const state = (changes: Partial<SlotState>): SlotState => ({
    taken: 0,
    active: 0,
    waiting: 0,
    idleMs: 0,
    ...changes,
  });
  const ALL = { most: 8, share: 8 };

  it.each<[string, Partial<SlotState>, { most: number; share: number }, ReturnType<typeof nextMove>]>([
    ['takes a slot for each item, as far as it may', { waiting: 20 }, ALL, { kind: 'take', count: 8 }],
    ['takes what is missing', { taken: 2, active: 2, waiting: 3 }, ALL, { kind: 'take', count: 3 }],
    ['takes nothing beyond all', { taken: 8, active: 8, waiting: 3 }, ALL, { kind: 'full' }],
    ['takes nothing without work', { taken: 2, active: 2 }, ALL, { kind: 'left' }],
    ['takes its share', { waiting: 20 }, { most: 8, share: 3 }, { kind: 'take', count: 3 }],
    ['takes one in turn where its share is none', { waiting: 20 }, { most: 8, share: 0 }, { kind: 'take', count: 1 }],
    ['leaves the rest to others', { taken: 3, active: 3, waiting: 9 }, { most: 8, share: 3 }, { kind: 'left' }],
    ['gives back what is beyond its share', { taken: 8, active: 2 }, { most: 8, share: 3 }, { kind: 'give', count: 5 }],
    ['keeps what is in use', { taken: 8, active: 8, waiting: 9 }, { most: 8, share: 3 }, { kind: 'full' }],
    ['keeps free slots for a moment', { taken: 4, active: 1, idleMs: LINGER_MS - 1 }, ALL, { kind: 'left' }],
    ['gives free slots back after it', { taken: 4, active: 1, idleMs: LINGER_MS }, ALL, { kind: 'give', count: 3 }],
    ['takes anew what was lost', { active: 2, idleMs: LINGER_MS }, ALL, { kind: 'take', count: 2 }],
  ])('%s', (_what, changes, allowance, move) => {
    expect(nextMove(state(changes), allowance)).toEqual(move);
  });
});
