import { describe, expect, it } from '@jest/globals';
import { garbageSummary } from '../../../src/cli/gc.js';

describe('garbageSummary', () => {
  const counts = { blobs: { count: 2, bytes: 20 }, parts: { count: 1, bytes: 1 }, batches: 1, idempotencyKeys: 0 };

  it('says one of a thing and several of it', () => {
    expect(garbageSummary(counts)).toBe('2 blobs (20 bytes), 1 part (1 byte), 1 import and 0 idempotency keys');
  });

  it('says how many items the imports had where it is known', () => {
    expect(garbageSummary({ ...counts, items: 10 })).toContain('1 import (10 items) and');
  });
});
