import { describe, expect, it } from '@jest/globals';
import { NOTICE_DEAD_AFTER_MS, REMOVE_WITHIN_MS } from '../../../src/domain/removal-notice.js';
import { garbageLimits } from '../../../src/garbage/find.js';

const HOUR_MS = 3_600_000;

describe('the ages of garbage', () => {
  it('are 48 hours for blobs and notices, 24 hours for parts, and what is configured for imports', () => {
    expect(garbageLimits(90)).toEqual({
      blobAgeMs: 48 * HOUR_MS,
      partAgeMs: 24 * HOUR_MS,
      noticeAgeMs: 48 * HOUR_MS,
      hostAgeMs: 24 * HOUR_MS,
      retentionMs: 90 * 24 * HOUR_MS,
    });
  });

  it('let no collector remove a blob whose notice an import may take for dead', () => {
    expect(REMOVE_WITHIN_MS * 10).toBeLessThan(NOTICE_DEAD_AFTER_MS);
    expect(NOTICE_DEAD_AFTER_MS).toBeLessThan(garbageLimits(4).noticeAgeMs);
  });
});
