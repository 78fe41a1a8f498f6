import { describe, expect, it } from '@jest/globals';
import { defaultMediaTypes, parseMediaTypes } from '../../../src/domain/media-types.js';

describe('parseMediaTypes', () => {
  it('reads the published form and keeps the defaults of kinds that it does not name', () => {
    const types = parseMediaTypes([
      {
        handle: 'report',
        type: 'mediaFile',
        info: { label: 'Report' },
        allowedMimeTypes: ['application/pdf'],
        metadata: [
          { handle: 'title', type: 'li-text', config: { required: true, maxLength: 80, hideFromForm: false }, ui: {} },
          { handle: 'pages', type: 'li-integer', config: { minValue: 1 } },
          { handle: 'tone', type: 'li-enum', config: { dataProvider: { items: [{ label: 'A', value: 'a' }] } } },
        ],
      },
    ]);

    expect(types.get('report')).toEqual({
      handle: 'report',
      kind: 'file',
      allowedMimeTypes: ['application/pdf'],
      metadata: [
        { handle: 'title', type: 'li-text', config: { required: true, maxLength: 80 } },
        { handle: 'pages', type: 'li-integer', config: { min: 1 } },
        { handle: 'tone', type: 'li-enum', config: { enum: ['a'] } },
      ],
      additionalMetadata: false,
    });
    expect(types.get('video')).toEqual(defaultMediaTypes().get('video'));
    expect([...types.keys()]).toEqual(['video', 'file', 'image', 'report']);
  });

  it.each([
    'li-external-id',
    'li-color',
    'li-numeric-list',
    'li-datetime-validity',
    'li-license-profile',
    'li-media-handle',
  ])('takes a field of the published type %s', (type) => {
    const metadata = [{ handle: 'x', type, config: { required: true } }];

    expect(parseMediaTypes([{ handle: 'a', type: 'mediaFile', metadata }]).get('a')?.metadata).toEqual(metadata);
  });

  it.each(['image/*', '*/*', '*', 'application/vnd.own+zip'])(
    'takes %s among the types that are allowed',
    (allowed) => {
      const types = parseMediaTypes([{ handle: 'a', type: 'mediaFile', allowedMimeTypes: [allowed] }]);
      expect(types.get('a')?.allowedMimeTypes).toEqual([allowed]);
    },
  );

  it.each(['image', '*/png', 'image/**', 'image/p*', ''])('refuses %p among the types that are allowed', (allowed) => {
    expect(() => parseMediaTypes([{ handle: 'a', type: 'mediaFile', allowedMimeTypes: [allowed] }])).toThrow(
      /0\.allowedMimeTypes\.0: must be type\/subtype, type\/\*, \*\/\* or \*/,
    );
  });

  it('lists every problem with its path', () => {
    const read = () =>
      parseMediaTypes([
        { handle: 'video', type: 'mediaImage' },
        { handle: 'a b', type: 'mediaFile' },
        { handle: 'c', type: 'mediaAudio', metadata: [{ handle: 'x', type: 'teleport' }] },
      ]);

    expect(read).toThrow(/1\.handle: must have 1 to 64/);
    expect(read).toThrow(/2\.type/);
    expect(read).toThrow(/2\.metadata\.0\.type/);
  });

  it('refuses a canonical handle of another kind and a handle used twice', () => {
    const video = { handle: 'video', type: 'mediaImage' };

    expect(() => parseMediaTypes([video, video])).toThrow(
      /0\.type: must be mediaVideo\n.*\n?.*1\.handle: is used twice/s,
    );
  });

  it('refuses what is not a list', () => {
    expect(() => parseMediaTypes({ mediaTypes: [] })).toThrow(/file: /);
  });
});
