import { describe, expect, it } from '@jest/globals';
import { ImportError } from '../../../src/domain/errors.js';
import { classifyNetworkError } from '../../../src/egress/network-errors.js';

function failing(code: string, more: object = {}): Error {
  return Object.assign(new Error(`connect ${code} 10.0.0.1:80`), { code, ...more });
}

describe('classifyNetworkError', () => {
  it.each([
    ['ECONNREFUSED', 'connect_failed', 'truncated'],
    ['ECONNRESET', 'connect_failed', 'truncated'],
    ['ERR_CONNECTION_RESET', 'connect_failed', 'truncated'],
    ['EHOSTUNREACH', 'connect_failed', 'truncated'],
    ['ENETUNREACH', 'connect_failed', 'truncated'],
    ['EPIPE', 'connect_failed', 'truncated'],
    ['UND_ERR_SOCKET', 'connect_failed', 'truncated'],
    ['UND_ERR_HEADERS_OVERFLOW', 'connect_failed', 'truncated'],
    ['UND_ERR_RES_CONTENT_LENGTH_MISMATCH', 'connect_failed', 'truncated'],
    ['HPE_INVALID_CONSTANT', 'connect_failed', 'truncated'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'connect_failed', 'truncated'],
    ['UND_ERR_CONNECT_TIMEOUT', 'timeout', 'timeout'],
    ['UND_ERR_HEADERS_TIMEOUT', 'timeout', 'timeout'],
    ['UND_ERR_BODY_TIMEOUT', 'timeout', 'timeout'],
    ['ETIMEDOUT', 'timeout', 'timeout'],
    ['CERT_HAS_EXPIRED', 'tls_failed', 'tls_failed'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'tls_failed', 'tls_failed'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'tls_failed', 'tls_failed'],
    ['UNSPECIFIED', 'tls_failed', 'tls_failed'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'tls_failed', 'tls_failed'],
  ])('takes %s for %s before and %s after the headers, without address or cause', (code, before, after) => {
    const errors = [classifyNetworkError(failing(code), 'headers'), classifyNetworkError(failing(code), 'body')];

    expect(errors.map((error) => error?.code)).toEqual([before, after]);
    expect(errors.map((error) => `${error?.message ?? ''}${String(error?.cause)}`).join()).not.toContain('10.0.0.1');
  });

  it.each(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL'])(
    'takes %s before the headers for a shortage of this machine, worth another attempt',
    (code) => {
      const error = classifyNetworkError(failing(code, { syscall: 'connect' }), 'headers');

      expect(error).toMatchObject({ code: 'connect_failed', details: { stage: 'connect', isOurs: true } });
      expect(error?.message).toBe(`The worker has no sockets or ports left (${code})`);
    },
  );

  it('takes a refusal of the host for no shortage of this machine', () => {
    const error = classifyNetworkError(failing('ECONNREFUSED', { syscall: 'connect' }), 'headers');

    expect(error?.details.isOurs).toBeUndefined();
  });

  it('takes any failure of connect() for connect_failed', () => {
    expect(classifyNetworkError(failing('EACCES', { syscall: 'connect' }), 'headers')?.code).toBe('connect_failed');
  });

  it('lets the first of several addresses speak for all', () => {
    const all = Object.assign(new AggregateError([failing('ECONNREFUSED'), failing('ETIMEDOUT')]), {
      code: 'ECONNREFUSED',
    });

    expect(classifyNetworkError(all, 'headers')?.code).toBe('connect_failed');
  });

  it('answers an ImportError as it is', () => {
    const error = new ImportError('dns_failed', 'x');

    expect(classifyNetworkError(error, 'headers')).toBe(error);
  });

  it.each([
    ['a full disk', failing('ENOSPC', { syscall: 'write' })],
    ['a wrong argument', failing('UND_ERR_INVALID_ARG')],
    ['a plain error', new Error('bug')],
    ['an error with a prototype name for a code', failing('constructor')],
    ['no error at all', 'ECONNRESET'],
    ['nothing', undefined],
  ])('leaves %s alone', (_what, error) => {
    expect(classifyNetworkError(error, 'headers')).toBeUndefined();
    expect(classifyNetworkError(error, 'body')).toBeUndefined();
  });

  it('takes an abort after the headers for the doing of the caller', () => {
    expect(classifyNetworkError(failing('UND_ERR_ABORTED'), 'body')).toBeUndefined();
  });
});
