import { describe, expect, it } from '@jest/globals';
import { carriesFile, statusFailure } from '../../../src/download/status-failure.js';

describe('statusFailure', () => {
  it.each([
    [201, 'type_mismatch', false],
    [202, 'timeout', true],
    [204, 'empty', false],
    [205, 'empty', false],
    [206, 'truncated', true],
    [300, 'redirect_refused', false],
    [304, 'redirect_refused', false],
    [400, 'http_4xx', false],
    [401, 'http_401', false],
    [403, 'http_403', false],
    [404, 'http_404', false],
    [405, 'http_4xx', false],
    [408, 'timeout', true],
    [410, 'http_410', false],
    [416, 'http_4xx', false],
    [425, 'rate_limited', true],
    [429, 'rate_limited', true],
    [451, 'http_4xx', false],
    [499, 'http_4xx', false],
    [500, 'http_5xx', true],
    [501, 'http_5xx', true],
    [503, 'http_5xx', true],
    [522, 'http_5xx', true],
    [999, 'http_5xx', true],
  ])('makes %i a %s', (status, code, retryable) => {
    const failure = statusFailure(status, undefined);
    expect(failure).toMatchObject({ code, retryable, details: { stage: 'headers', httpStatus: status } });
    expect(failure.message).toContain(String(status));
    expect(failure.details).not.toHaveProperty('retryAfterMs');
  });

  it('passes on what Retry-After asked for', () => {
    expect(statusFailure(503, 5_000).details.retryAfterMs).toBe(5_000);
  });
});

describe('carriesFile', () => {
  it('is true of 200 and 203 only', () => {
    const carrying = Array.from({ length: 500 }, (_, index) => index + 100).filter(carriesFile);
    expect(carrying).toEqual([200, 203]);
  });
});
