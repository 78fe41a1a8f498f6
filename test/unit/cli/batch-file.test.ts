import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Refused } from '../../../src/cli/api-client.js';
import { readBatchFile } from '../../../src/cli/batch-file.js';
import { refusalOf } from '../../../src/cli/refusal.js';

describe('readBatchFile', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'batch-file-'));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });
  const aFile = (name: string, content: string): string => {
    const file = join(folder, name);
    writeFileSync(file, content);
    return file;
  };

  it('hands a JSON body on, with the fields of the command line above its own', async () => {
    const file = aFile('a.json', '\uFEFF{"systemName":"file","videos":[]}');

    await expect(readBatchFile(file, 'videos', { systemName: 'line' })).resolves.toEqual({
      body: { systemName: 'line', videos: [] },
      lines: null,
    });
  });

  it('puts the items of a CSV file under the key of their type', async () => {
    const file = aFile('a.CSV', 'url,id,fileName\nhttps://a.example,1,one\n');

    const { body, lines } = await readBatchFile(file, 'images', { systemName: 's' });

    expect(body).toEqual({
      systemName: 's',
      images: [{ url: 'https://a.example', id: '1', fileName: 'one', metadata: {} }],
    });
    expect(lines).toEqual([2]);
  });

  it.each([
    ['x.txt', '', 'must end in .json, .ndjson or .csv'],
    ['x.json', '[]', 'must hold a JSON object'],
    ['x.json', '{', 'is not valid JSON'],
    ['x.ndjson', `{}\n${'{}\n'.repeat(10_001)}`, 'has 10001 items, a batch has at most 10000'],
    ['x.csv', 'id\n', 'line 1: lacks the column url, fileName'],
  ])('says what is wrong with %s', async (name, content, message) => {
    await expect(readBatchFile(aFile(name, content), 'files', {})).rejects.toThrow(message);
  });

  it('says that a file cannot be read', async () => {
    await expect(readBatchFile(join(folder, 'none.json'), 'files', {})).rejects.toThrow('none.json cannot be read');
  });
});

describe('refusalOf', () => {
  const refused = new Refused(400, 'Bad Request', {
    'videos.1.url': 'Must be http',
    'videos.0': 'Odd',
    webhook: 'Bad',
  });

  it('names lines where the items came from lines', () => {
    expect(refusalOf(refused, { plural: 'videos', lines: [2, 7] })).toBe(
      'The API answered 400 Bad Request\n  line 7, url: Must be http\n  line 2: Odd\n  webhook: Bad',
    );
  });

  it('names paths where they came from JSON', () => {
    expect(refusalOf(refused)).toContain('videos.1.url: Must be http');
  });
});
