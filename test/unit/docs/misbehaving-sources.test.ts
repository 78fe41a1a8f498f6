import { beforeAll, describe, expect, it } from '@jest/globals';
import { loadConfig } from '../../../src/config.js';
import type { Limits } from '../../servers/hostile-origin/deadlines.js';
import { documentedRow } from '../../servers/hostile-origin/documented-row.js';
import { ALL_FAULTS, FAULTS } from '../../servers/hostile-origin/matrix.js';
import { readRepoFile, section, tableRows } from './markdown.js';

describe('docs/errors.md on sources that misbehave', () => {
  const text = section(readRepoFile('docs/errors.md'), 'What a misbehaving source leads to');
  const parts = text.split('\n### ').slice(1);
  const partOf = (group: string) => parts.find((part) => part.startsWith(`${group}\n`)) ?? '';
  let limits: Limits;
  let retry: { initialMs: number; maxMs: number };
  beforeAll(() => {
    const config = loadConfig({});
    limits = {
      // The limit of a look-up and the wait for its turn: neither can be set.
      resolveMs: 6_000,
      connectMs: config.DOWNLOAD_CONNECT_TIMEOUT,
      headersMs: config.DOWNLOAD_HEADERS_TIMEOUT,
      idleMs: config.DOWNLOAD_IDLE_TIMEOUT,
      speedWindowMs: config.DOWNLOAD_MIN_SPEED_WINDOW,
      attemptMs: 23 * 3_600_000,
    };
    retry = { initialMs: config.RETRY_INITIAL, maxMs: config.RETRY_MAX };
  });

  it('has the groups of the table, in its order', () => {
    expect(parts.map((part) => part.split('\n')[0])).toEqual(Object.keys(FAULTS));
  });

  it.each(Object.entries(FAULTS))('shows for %s what the tests provoke, no more and no less', (group, faults) => {
    expect(tableRows(partOf(group))).toEqual(faults.map((fault) => documentedRow(fault, limits, retry)));
  });

  it('tells every fault once, at least forty of them', () => {
    const sources = ALL_FAULTS.map(({ source }) => source);
    expect(new Set(sources).size).toBe(sources.length);
    expect(sources.length).toBeGreaterThanOrEqual(40);
  });
});
