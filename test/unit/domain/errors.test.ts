import { describe, expect, it } from '@jest/globals';
import { ImportError, REASONS, type ReasonCode } from '../../../src/domain/errors.js';

const RETRIED: readonly ReasonCode[] = [
  'dns_failed',
  'connect_failed',
  'timeout',
  'too_slow',
  'http_5xx',
  'rate_limited',
  'truncated',
  'source_changed',
  'storage_failed',
];
const FINAL: readonly ReasonCode[] = [
  'url_not_allowed',
  'worker_crashed',
  'kind_conflict',
  'tls_failed',
  'redirect_refused',
  'http_401',
  'http_403',
  'http_404',
  'http_410',
  'http_4xx',
  'too_large',
  'empty',
  'type_mismatch',
  'type_not_allowed',
  'unsupported_encoding',
  'metadata_invalid',
  'cancelled',
];

describe('the table of reason codes', () => {
  it('is closed: codes are wire format, and each is either repeated or final', () => {
    const codes = Object.keys(REASONS) as ReasonCode[];

    expect(codes.filter((code) => REASONS[code].retryable).sort()).toEqual([...RETRIED].sort());
    expect(codes.filter((code) => !REASONS[code].retryable).sort()).toEqual([...FINAL].sort());
  });

  it('says for every code what it means and what to do', () => {
    for (const { title, hint } of Object.values(REASONS)) {
      expect(title).toMatch(/^[A-Z].*[^.]$/);
      expect(hint).toMatch(/^[A-Z].*[^.]$/);
    }
  });

  it('names nothing that a client cannot do: an item is posted again, no route retries it', () => {
    expect(Object.values(REASONS).filter(({ hint }) => /\bretry\b/i.test(hint))).toEqual([]);
  });

  it('can be overruled by a single occurrence', () => {
    expect(new ImportError('timeout', 'No answer').retryable).toBe(true);
    expect(new ImportError('timeout', 'No answer', { retryable: false }).retryable).toBe(false);
  });
});
