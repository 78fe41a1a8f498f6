import { describe, expect, it } from '@jest/globals';
import { heifDimensions } from '../../../src/download/media-type/formats/iso-media.js';
import { box } from '../../support/built-media.js';

const hex = (digits: string): Buffer => Buffer.from(digits, 'hex');
const numbers = (...values: number[]): Buffer =>
  hex(values.map((value) => value.toString(16).padStart(8, '0')).join(''));

const size = (width: number, height: number) => box('ispe', numbers(0, width, height));
const turned = (quarters: number) => box('irot', Buffer.from([quarters]));
const cutTo = (width: number, height: number) => box('clap', numbers(width, 1, height, 1, 0, 1, 0, 1));

/** A `meta` box whose item 2 is the primary one and has the properties of these numbers. */
function meta(properties: Buffer[], indexes: number[]): Buffer {
  const associations = Buffer.concat([
    numbers(0, 2),
    hex('000101' + '01'),
    hex('0002'),
    Buffer.from([indexes.length, ...indexes.map((index) => index | 0x80)]),
  ]);
  return Buffer.concat([
    numbers(0),
    box('hdlr', numbers(0, 0)),
    box('pitm', numbers(0), hex('0002')),
    box('iprp', box('ipco', ...properties), box('ipma', associations)),
  ]);
}

describe('heifDimensions', () => {
  it('reads the size of the primary image, not of a tile or a preview', () => {
    expect(heifDimensions(meta([size(512, 512), size(4_032, 3_024)], [2]))).toEqual({ width: 4_032, height: 3_024 });
  });

  it.each([
    [0, 400, 300],
    [1, 300, 400],
    [2, 400, 300],
    [3, 300, 400],
  ])('turns it by %d quarters', (quarters, width, height) => {
    expect(heifDimensions(meta([size(400, 300), turned(quarters)], [1, 2]))).toEqual({ width, height });
  });

  it('cuts it to its clean aperture before it is turned', () => {
    const properties = [size(400, 300), cutTo(200, 100), turned(1)];
    expect(heifDimensions(meta(properties, [1, 2, 3]))).toEqual({ width: 100, height: 200 });
    expect(heifDimensions(meta([size(400, 300), cutTo(500, 100)], [1, 2]))).toEqual({ width: 400, height: 300 });
  });

  it('reads associations of the wide form', () => {
    const wide = Buffer.concat([numbers(0x01000001, 1, 2), hex('01' + '8001')]);
    const bytes = Buffer.concat([
      numbers(0),
      box('pitm', numbers(0x01000000, 2)),
      box('iprp', box('ipco', size(40, 30)), box('ipma', wide)),
    ]);
    expect(heifDimensions(bytes)).toEqual({ width: 40, height: 30 });
  });

  it('tells nothing of a file without a primary image or without its size', () => {
    expect(heifDimensions(Buffer.alloc(4))).toBeUndefined();
    expect(heifDimensions(meta([turned(1)], [1]))).toBeUndefined();
    expect(heifDimensions(meta([size(1, 1)], [9]))).toBeUndefined();
  });
});
