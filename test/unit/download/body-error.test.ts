import { describe, expect, it } from '@jest/globals';
import { bodyError } from '../../../src/download/receive-body.js';

describe('bodyError', () => {
  it.each<[string, unknown]>([
    ['an assertion of undici', Object.assign(new Error('secret'), { code: 'ERR_ASSERTION' })],
    ['a certificate code', Object.assign(new Error('secret'), { code: 'UNSPECIFIED' })],
    ['an error without a code', new Error('secret')],
    ['something that is no error', 'secret'],
    ['nothing', undefined],
  ])('makes truncated, to be retried, of %s, and keeps nothing of its text', (_what, failure) => {
    const error = bodyError(failure, 7);

    expect(error).toMatchObject({ code: 'truncated', retryable: true, details: { stage: 'body' } });
    expect(error.message).toBe('The connection broke after 7 bytes of the body');
    expect(error.cause).toBeUndefined();
  });
});
