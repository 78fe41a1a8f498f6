import { describe, expect, it } from '@jest/globals';
import { ImportError, REASONS, type ImportErrorDetails, type ReasonCode } from '../../../src/domain/errors.js';
import { classifyNetworkError } from '../../../src/egress/network-errors.js';
import { hostOutcome } from '../../../src/host-limits/circuit.js';
import { statusFailure } from '../../../src/download/status-failure.js';

const kindOf = (code: ReasonCode, details: ImportErrorDetails = {}) =>
  hostOutcome(new ImportError(code, 'A sentence', details)).kind;

describe('hostOutcome', () => {
  it.each([
    [429, 'busy'],
    [502, 'down'],
    [503, 'down'],
    [504, 'down'],
    [500, 'answered'],
    [501, 'answered'],
    [425, 'answered'],
    [408, 'answered'],
    [202, 'answered'],
    [403, 'answered'],
    [404, 'answered'],
    [301, 'answered'],
  ] as const)('takes the status %d for %s', (status, kind) => {
    expect(hostOutcome(statusFailure(status, undefined)).kind).toBe(kind);
  });

  it('takes a 503 with Retry-After for a wish to be left alone, and a 500 with one not', () => {
    expect(hostOutcome(statusFailure(503, 7_000))).toEqual({ kind: 'busy', code: 'http_5xx', retryAfterMs: 7_000 });
    expect(hostOutcome(statusFailure(500, 7_000)).kind).toBe('answered');
  });

  it.each([
    ['connect_failed', 'connect', 'down'],
    ['connect_failed', 'headers', 'down'],
    ['dns_failed', 'resolve', 'down'],
    ['timeout', 'connect', 'down'],
    ['timeout', 'headers', 'silent'],
    ['timeout', 'body', 'answered'],
    ['tls_failed', 'connect', 'answered'],
    ['truncated', 'body', 'answered'],
    ['url_not_allowed', 'resolve', 'unasked'],
    ['metadata_invalid', 'validate', 'unasked'],
    ['storage_failed', 'store', 'unasked'],
  ] as const)('takes %s at the stage %s for %s', (code, stage, kind) => {
    expect(kindOf(code, { stage })).toBe(kind);
  });

  it.each([
    ['EMFILE', 'unasked'],
    ['ENFILE', 'unasked'],
    ['ECONNREFUSED', 'down'],
  ])('takes a connection that fails with %s for %s: what this machine lacks is no fault of the host', (code, kind) => {
    const failed = Object.assign(new Error(`connect ${code}`), { code, syscall: 'connect' });
    const error = classifyNetworkError(failed, 'headers');

    expect(error && hostOutcome(error).kind).toBe(kind);
  });

  it('knows what to make of every code', () => {
    for (const code of Object.keys(REASONS) as ReasonCode[])
      expect(['answered', 'unasked', 'busy', 'down', 'silent']).toContain(kindOf(code));
  });
});
