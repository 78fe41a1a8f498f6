import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { fromStored, toStored } from '../../../src/store/item-documents.js';

const key = fc.oneof(fc.string(), fc.constantFrom('_bsontype', '%_bsontype', '%%_bsontype', 'a.b', ''));
const { json } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.string(),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    tie('json'),
    tie('list'),
  ),
  list: fc.array(tie('value'), { maxLength: 4 }),
  json: fc.dictionary(
    key.filter((name) => name !== '__proto__'),
    tie('value'),
    { maxKeys: 4, noNullPrototype: true },
  ),
}));

describe('toStored and fromStored', () => {
  it('are inverse for any JSON object', () => {
    fc.assert(
      fc.property(json, (posted) => {
        const object = posted;
        expect(fromStored(toStored(object))).toStrictEqual(object);
      }),
    );
  });

  it('rename the key that the driver would misread, at any depth', () => {
    const stored = toStored({ list: [{ _bsontype: 'ObjectId' }], '%_bsontype': 1 });

    expect(stored).toEqual({ list: [{ '%_bsontype': 'ObjectId' }], '%%_bsontype': 1 });
  });
});
