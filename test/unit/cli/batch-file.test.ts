import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Refused } from '../../../src/cli/api-client.js';
import { readBatchFile, type BatchFields, type PostBody } from '../../../src/cli/batch-file.js';
import { refusalOf } from '../../../src/cli/run-cli.js';

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

  const sent = async (body: PostBody['body']) => (typeof body === 'string' ? body : text(Readable.from(body)));

  it('hands a JSON body on, with the fields of the command line above its own', async () => {
    const file = aFile('a.json', '\uFEFF{"systemName":"file","videos":[]}');

    const { type, query, body } = await readBatchFile(file, { systemName: 'line' });

    expect({ type, query, body: JSON.parse(await sent(body)) as unknown }).toEqual({
      type: 'application/json; charset=utf-8',
      query: '',
      body: { systemName: 'line', videos: [] },
    });
  });

  it('sends a CSV file as it is and what belongs to the batch in the query', async () => {
    const file = aFile('a.CSV', 'url,id,fileName\nhttps://a.example,1,one\n');

    const { type, query, body } = await readBatchFile(file, { systemName: 's & t', context: { a: 1 } });

    expect(type).toBe('text/csv; charset=utf-8');
    expect(Object.fromEntries(new URLSearchParams(query))).toEqual({ systemName: 's & t', context: '{"a":1}' });
    expect(await sent(body)).toBe('url,id,fileName\nhttps://a.example,1,one\n');
  });

  it.each<[string, string, BatchFields, string]>([
    ['as it is', '{"systemName":"s"}\n{"id":"1"}\n', {}, '{"systemName":"s"}\n{"id":"1"}\n'],
    [
      'with fields above those of its first line',
      '\uFEFF\n{"systemName":"s","webhook":"w"}\r\n{"id":"1"}',
      { systemName: 't' },
      '\n{"systemName":"t","webhook":"w"}\n{"id":"1"}',
    ],
    ['with a first line only', '{"a":1}', { systemName: 't' }, '{"a":1,"systemName":"t"}'],
    ['with a first line that is not JSON', 'x\ny\n', { systemName: 't' }, 'x\ny\n'],
    [
      'with an integer that cannot be kept',
      '{"context":{"a":9007199254740993}}',
      { systemName: 't' },
      '{"context":{"a":9007199254740993}}',
    ],
    ['with nothing in it', '', { systemName: 't' }, ''],
  ])('sends an NDJSON file %s', async (_name, content, fields, expected) => {
    const { type, query, body } = await readBatchFile(aFile('a.ndjson', content), fields);

    expect({ type, query }).toEqual({ type: 'application/x-ndjson; charset=utf-8', query: '' });
    expect(await sent(body)).toBe(expected);
  });

  it.each([
    ['x.txt', '', 'must end in .json, .ndjson or .csv'],
    ['x.json', '[]', 'must hold a JSON object'],
    ['x.json', '{', 'is not valid JSON'],
    ['x.json', '{"context":{"big":9007199254740993}}', 'x.json: big: Must be an integer from -9007199254740991'],
    ['x.json', '{"context":{"huge":1e999}}', 'x.json: huge: Must be a number of at most'],
  ])('says what is wrong with %s', async (name, content, message) => {
    await expect(readBatchFile(aFile(name, content), {})).rejects.toThrow(message);
  });

  it('says that a file cannot be read', async () => {
    await expect(readBatchFile(join(folder, 'none.json'), {})).rejects.toThrow('none.json cannot be read');
  });
});

describe('refusalOf', () => {
  it('names lines and paths', () => {
    const details = { 'line.3.url': 'Must be http', 'line.2': 'Odd', 'videos.1.url': 'Bad', webhook: 'Bad' };

    expect(refusalOf(new Refused(400, 'Bad Request', details))).toBe(
      'The API answered 400 Bad Request\n  line 3, url: Must be http\n  line 2: Odd\n  videos.1.url: Bad\n  webhook (--webhook): Bad',
    );
  });
});
