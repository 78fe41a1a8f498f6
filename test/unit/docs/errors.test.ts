import { describe, expect, it } from '@jest/globals';
import { API_ERRORS } from '../../../src/domain/api-error.js';
import { REASONS, SKIP_REASONS } from '../../../src/domain/errors.js';
import { readRepoFile, section, tableRows } from './markdown.js';

describe('docs/errors.md', () => {
  const page = readRepoFile('docs/errors.md');

  it('shows every reason code with its title, whether it is retried, and its hint, in the order of the table', () => {
    const expected = Object.entries(REASONS).map(([code, { title, retryable, hint }]) => [
      code,
      title,
      retryable ? 'yes' : 'no',
      hint,
    ]);
    expect(tableRows(section(page, 'Why an item failed'))).toEqual(expected);
  });

  it('shows every reason for leaving an item as it is', () => {
    const rows = tableRows(section(page, 'Why an item was skipped'));
    expect(rows.map((row) => row.slice(0, 2))).toEqual(Object.entries(SKIP_REASONS));
  });

  it('shows every HTTP status that the API answers with, and its error text', () => {
    const rows = tableRows(section(page, 'HTTP errors'));
    expect(rows.map((row) => row.slice(0, 2))).toEqual(Object.entries(API_ERRORS));
  });
});
