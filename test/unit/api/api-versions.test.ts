import { describe, expect, it } from '@jest/globals';
import { apiVersionState } from '../../../src/api/middleware.js';

const rules = { latest: '2026-11', withdrawn: ['2025-03', '2024-11', '2030-01'] };

describe('apiVersionState', () => {
  it.each([
    ['v1', 'served'],
    ['beta', 'served'],
    ['2025-05', 'served'],
    ['2026-05', 'served'],
    ['2026-11', 'served'],
    ['2025-03', 'withdrawn'],
    ['2025-01', 'unknown'],
    ['2025-04', 'unknown'],
    ['2027-01', 'unknown'],
    ['2030-01', 'withdrawn'],
    ['2024-11', 'withdrawn'],
    ['2026-13', 'unknown'],
    ['v2', 'unknown'],
    ['', 'unknown'],
  ] as const)('calls %s %s', (version, state) => {
    expect(apiVersionState(version, rules)).toBe(state);
  });
});
