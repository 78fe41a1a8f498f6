import { describe, expect, it } from '@jest/globals';
import { importBody } from '../../../src/api/imports/body.js';
import { aBatch } from '../../support/builders.js';
import { readRepoFile, section, tableRows } from './markdown.js';

const FAILURES = [
  {
    code: 'http_404',
    host: 'a.example',
    count: 1,
    isAtLeast: false,
    open: 0,
    samples: [{ seq: 0, externalId: 'a', reason: 'Gone' }],
  },
] as const;

/** Dotted paths of every value of an answer; entries of lists go by `[]`. */
function pathsOf(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return [...new Set(value.flatMap((entry) => pathsOf(entry, `${path}[]`)))];
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([key, child]) => pathsOf(child, path === '' ? key : `${path}.${key}`));
}

describe('docs/api.md', () => {
  const page = readRepoFile('docs/api.md');
  const part = section(page, 'One import');
  const body = importBody({
    batch: aBatch({ startedAt: new Date() }),
    counts: { total: 1, open: 0, success: 0, skipped: 0, failed: 1 },
    bytes: 1,
    progress: {
      ...{ startedAt: new Date().toISOString(), round: 1, bytes: 0, nextSeq: 0 },
      counts: { total: 1, open: 0, success: 0, skipped: 0, failed: 1 },
      waitingFor: [{ host: 'slow.example', until: new Date().toISOString(), items: 1 }],
    },
    failures: FAILURES,
    actions: [{ at: new Date(), by: { jti: 'j', name: 'ops' }, action: 'pause', reason: 'The source asked for it' }],
    runId: 'r',
    workflowUrl: 'https://temporal.example.com/',
    base: 'https://import.example.com/api/v1',
    now: new Date(),
  });

  it('shows an import with every field that the answer has, and no other', () => {
    const example: unknown = JSON.parse(/```json\n([^]*?)```/.exec(part)?.[1] ?? '');

    expect(pathsOf(example).sort()).toEqual(pathsOf(body).sort());
  });

  it('explains every field of an import', () => {
    const explained = tableRows(part).flatMap(([names = '']) => names.replaceAll('`', '').split(', '));

    expect(explained).toEqual(expect.arrayContaining(Object.keys(body)));
  });

  it('says beside the example of a finished import that its state says nothing of its items', () => {
    const [before = ''] = section(page, 'Status').split('"state": "success",\n  "id"');

    expect(before).toContain('**`"state": "success"` does not mean that the items were imported.**');
    expect(section(readRepoFile('docs/security.md'), 'Webhooks')).toContain('failed > 0');
  });
});
