import { describe, expect, it } from '@jest/globals';
import { nextDelayMs } from '../../../src/item/attempt.js';
import { ImportError } from '../../../src/domain/errors.js';

const policy = { attempts: 10, initialMs: 1000, maxMs: 300_000 };
const busy = new ImportError('http_5xx', 'Source answered 503');

describe('nextDelayMs', () => {
  it.each([
    [1, 1_000],
    [2, 2_000],
    [5, 16_000],
    [9, 256_000],
  ])('doubles the pause: after attempt %i about %i ms', (concluded, expected) => {
    const delay = nextDelayMs(policy, busy, concluded);

    expect(delay).toBeGreaterThanOrEqual(expected);
    expect(delay).toBeLessThanOrEqual(expected * 1.1);
  });

  it('never exceeds the longest pause', () => {
    expect(nextDelayMs({ ...policy, attempts: 100 }, busy, 50)).toBeLessThanOrEqual(300_000);
  });

  it('waits as long as the source asks for', () => {
    const asked = new ImportError('rate_limited', 'Source answered 429', { retryAfterMs: 60_000 });

    expect(nextDelayMs(policy, asked, 1)).toBeGreaterThanOrEqual(60_000);
  });

  it('waits 15 minutes at most, whatever the source asks for', () => {
    const asked = new ImportError('rate_limited', 'Source answered 429', { retryAfterMs: 900_000 });

    expect(nextDelayMs(policy, asked, 1)).toBeLessThanOrEqual(900_000);
  });

  it('ends after the last attempt', () => {
    expect(nextDelayMs(policy, busy, 10)).toBeNull();
  });

  it('ends earlier where the failure itself sets a limit', () => {
    const unknownName = new ImportError('dns_failed', 'The host name is unknown', { maxAttempts: 3 });

    expect(nextDelayMs(policy, unknownName, 2)).not.toBeNull();
    expect(nextDelayMs(policy, unknownName, 3)).toBeNull();
  });

  it('does not retry what a retry cannot fix', () => {
    expect(nextDelayMs(policy, new ImportError('http_404', 'Source answered 404'), 1)).toBeNull();
  });
});
