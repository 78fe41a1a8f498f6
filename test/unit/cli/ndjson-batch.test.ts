import { describe, expect, it } from '@jest/globals';
import { readNdjsonBatch } from '../../../src/cli/ndjson-batch.js';

describe('readNdjsonBatch', () => {
  it('takes the first line for the batch and every further one for an item', () => {
    const { body, lines } = readNdjsonBatch('{"systemName":"s"}\n{"id":"1"}\r\n\n{"id":"2"}\n', 'videos');

    expect(body).toEqual({ systemName: 's', videos: [{ id: '1' }, { id: '2' }] });
    expect(lines).toEqual([2, 4]);
  });

  it('names every line that is not an object, the first 20', () => {
    expect(() => readNdjsonBatch('{}\n{"id":}\n[1]\nnull\n', 'files')).toThrow(
      'line 2 is not a JSON object\n  line 3 is not a JSON object\n  line 4 is not a JSON object',
    );
    expect(() => readNdjsonBatch(`{}\n${'x\n'.repeat(50)}`, 'files')).toThrow(/line 21 is not a JSON object$/);
  });

  it('says that the batch itself is missing', () => {
    expect(() => readNdjsonBatch('\n', 'files')).toThrow('is empty');
    expect(() => readNdjsonBatch('{"url":"https://a.example"}\n', 'files')).toThrow('line 1 is an item');
  });
});
