import { describe, expect, it } from '@jest/globals';
import { ImportError } from '../../../src/domain/errors.js';
import { requestFailure } from '../../../src/egress/network-errors.js';

function failing(code: unknown): Error {
  return Object.assign(new Error('secret of 10.0.0.1'), { code });
}

describe('requestFailure', () => {
  it.each<[string, unknown, string]>([
    ['an assertion of undici', failing('ERR_ASSERTION'), ' (ERR_ASSERTION)'],
    ['an error without a code', failing(undefined), ''],
    ['a code that is a sentence', failing('secret of 10.0.0.1'), ''],
    ['no addresses that speak', new AggregateError([], 'secret of 10.0.0.1'), ''],
    ['something that is no error', 'secret of 10.0.0.1', ''],
    ['nothing', undefined, ''],
  ])('makes connect_failed, to be retried, of %s, and keeps nothing of its text', (_what, error, hint) => {
    const failure = requestFailure(error) as ImportError;

    expect(failure).toBeInstanceOf(ImportError);
    expect(failure).toMatchObject({ code: 'connect_failed', retryable: true, details: { stage: 'headers' } });
    expect(failure.message).toBe(`The request failed before an answer came${hint}`);
    expect(failure.cause).toBeUndefined();
  });

  it('tells what is known by its own code', () => {
    expect(requestFailure(failing('UNSPECIFIED'))).toMatchObject({ code: 'tls_failed' });
  });

  it.each(['UND_ERR_INVALID_ARG', 'UND_ERR_NOT_SUPPORTED', 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH'])(
    'leaves %s, a mistake of ours, as it is',
    (code) => {
      const error = failing(code);

      expect(requestFailure(error)).toBe(error);
    },
  );
});
