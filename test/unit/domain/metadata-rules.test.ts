import { describe, expect, it } from '@jest/globals';
import type { MediaType, MetadataField } from '../../../src/domain/media.js';
import { metadataProblems } from '../../../src/domain/metadata-rules.js';

const aType = (field: Partial<MetadataField> = {}, additionalMetadata = false): MediaType => ({
  handle: 'clip',
  kind: 'video',
  allowedMimeTypes: ['video/*'],
  metadata: [{ handle: 'f', type: 'li-text', config: {}, ...field }],
  additionalMetadata,
});

describe('metadataProblems', () => {
  it.each<[string, Partial<MetadataField>, unknown, string | null]>([
    ['text', {}, 'x', null],
    ['no text', {}, 1, 'f must be text'],
    ['an absent optional field', {}, null, null],
    ['an absent required field', { config: { required: true } }, undefined, 'f is required'],
    ['an empty required field', { config: { required: true } }, '', 'f is required'],
    ['short text', { config: { minLength: 2 } }, 'x', 'f must have at least 2 characters'],
    ['empty text with a minimum', { config: { minLength: 2 } }, '', 'f must have at least 2 characters'],
    ['long text', { config: { maxLength: 2 } }, 'xyz', 'f must have at most 2 characters'],
    ['text of two wide characters', { config: { maxLength: 2 } }, '😀😀', null],
    ['a whole number', { type: 'li-integer', config: { min: 1, max: 3 } }, 3, null],
    ['a fraction', { type: 'li-integer' }, 1.5, 'f must be a whole number'],
    ['a small number', { type: 'li-integer', config: { min: 1 } }, 0, 'f must be at least 1'],
    ['a large number', { type: 'li-float', config: { max: 1 } }, 1.1, 'f must be at most 1'],
    ['text for a number', { type: 'li-float' }, '1', 'f must be a number'],
    ['a switch', { type: 'li-boolean' }, false, null],
    ['text for a switch', { type: 'li-boolean' }, 'true', 'f must be true or false'],
    ['a date', { type: 'li-date' }, '2024-02-29', null],
    ['a day that is not', { type: 'li-date' }, '2023-02-29', 'f must be a date as YYYY-MM-DD'],
    ['a time', { type: 'li-datetime' }, '2024-02-29T10:00:00.000Z', null],
    ['a time without seconds', { type: 'li-datetime' }, '2024-02-29T10:00+01:00', null],
    [
      'an hour that is not',
      { type: 'li-datetime' },
      '2024-02-29T25:00:00Z',
      'f must be a date and time as in ISO 8601',
    ],
    ['a value of the list', { type: 'li-enum', config: { enum: ['a', 'b'] } }, 'b', null],
    ['a value beside the list', { type: 'li-enum', config: { enum: ['a', 'b'] } }, 'c', 'f must be one of a, b'],
    ['anything of a type without rules', { type: 'li-color', config: { maxLength: 1 } }, { r: 1 }, null],
    ['text beyond the limit of a type without rules', { type: 'li-color', config: { maxLength: 1 } }, '#fff', null],
    [
      'nothing of a required type without rules',
      { type: 'li-color', config: { required: true } },
      null,
      'f is required',
    ],
    ['a list', { type: 'li-string-list' }, ['a'], null],
    ['a list of numbers', { type: 'li-string-list' }, [1], 'f must be a list of text'],
    [
      'an entry beside the values',
      { type: 'li-string-list', config: { enum: ['a'] } },
      ['a', 'b'],
      'f must be one of a in every entry',
    ],
  ])('judges %s', (_name, field, value, problem) => {
    expect(metadataProblems({ f: value }, aType(field))).toEqual(problem === null ? [] : [problem]);
  });

  it('names every field that breaks a rule', () => {
    expect(metadataProblems({ f: 1, g: 2 }, aType())).toEqual([
      'f must be text',
      'g is not a field of the media type clip',
    ]);
  });

  it('takes other fields where the media type says so', () => {
    expect(metadataProblems({ g: 2 }, aType({}, true))).toEqual([]);
  });
});
