import type { EgressRequest } from '../../../src/egress/egress.js';

/** A GET with limits that only a hang would reach. */
export function aRequestOf(url: string, overrides: Partial<EgressRequest> = {}): EgressRequest {
  return { url, maxRedirects: 5, headersTimeoutMs: 10_000, idleTimeoutMs: 10_000, ...overrides };
}
