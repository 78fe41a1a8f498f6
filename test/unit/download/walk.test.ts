import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  MAX_ASK_BYTES,
  startWalk,
  type Ask,
  type Walk,
  type Walker,
} from '../../../src/download/media-type/formats/walk.js';

/** Asks for all of it and answers what it was given. */
function* asking(...asks: Ask[]): Walk<Buffer[]> {
  const answers: Buffer[] = [];
  for (const ask of asks) answers.push(Buffer.from(yield ask));
  return answers;
}

function feed<T>(walk: Walk<T>, content: Buffer, headBytes: number, pieces: number, usesLast = false): Walker<T> {
  const walker = startWalk(walk, content.subarray(0, headBytes), usesLast);
  for (let at = headBytes; at < content.length; at += pieces) walker.push(content.subarray(at, at + pieces));
  walker.end();
  return walker;
}

const CONTENT = Buffer.from(Array.from({ length: 3_000 }, (_, at) => (at * 7 + (at >> 8)) & 0xff));

describe('startWalk', () => {
  it('answers forward asks as from the whole content, however it is cut', () => {
    const forward = fc
      .array(fc.record({ skip: fc.nat(900), length: fc.nat(900) }), { minLength: 1, maxLength: 8 })
      .map((steps) => {
        let at = 0;
        return steps.map(({ skip, length }) => ({ at: (at += skip), length }));
      });
    fc.assert(
      fc.property(forward, fc.nat(500), fc.integer({ min: 1, max: 700 }), (asks, headBytes, pieces) => {
        const { found } = feed(asking(...asks), CONTENT, headBytes, pieces);
        expect(found).toEqual(asks.map(({ at, length }) => CONTENT.subarray(at, at + length)));
      }),
    );
  });

  it('answers from the head at any time, and loses a walk that goes back behind it', () => {
    const back = [
      { at: 1_000, length: 10 },
      { at: 5, length: 10 },
    ];
    expect(feed(asking(...back), CONTENT, 100, 50).found?.[1]).toEqual(CONTENT.subarray(5, 15));
    expect(feed(asking({ at: 1_000, length: 10 }, { at: 500, length: 10 }), CONTENT, 100, 50)).toMatchObject({
      done: true,
      found: undefined,
    });
  });

  it.each([1, 333, 3_000])('answers the last bytes when the content came in pieces of %d', (pieces) => {
    const content = Buffer.concat(Array.from({ length: 60 }, () => CONTENT));
    const { found } = feed(asking({ at: 0, length: 1 }, { last: MAX_ASK_BYTES }), content, 200, pieces, true);
    expect(found?.[1]?.equals(content.subarray(-MAX_ASK_BYTES))).toBe(true);
    const small = feed(asking({ last: MAX_ASK_BYTES }), CONTENT, 200, pieces, true);
    expect(small.found?.[0]?.equals(CONTENT)).toBe(true);
  });

  it.each<[string, Walk<unknown>]>([
    ['throws', asking({ at: 0, length: -1 })],
    ['asks for more than its memory', asking({ at: 0, length: MAX_ASK_BYTES + 1 })],
    ['asks for a place that no file has', asking({ at: Number.MAX_VALUE, length: 1 })],
    ['asks for no number', asking({ at: NaN, length: 1 })],
    ['asks forever', asking(...Array.from({ length: 5_000 }, () => ({ at: 0, length: 1 })))],
  ])('ends a walk that %s', (_name, walk) => {
    expect(feed(walk, CONTENT, 100, 500)).toMatchObject({ done: true, found: undefined });
  });

  it('says when a walk is over, and takes no more then', () => {
    const walker = startWalk(asking({ at: 150, length: 10 }), CONTENT.subarray(0, 100));
    expect(walker.done).toBe(false);
    walker.push(CONTENT.subarray(100, 200));
    expect(walker.done).toBe(true);
    walker.push(CONTENT.subarray(200));
    walker.end();
    expect(walker.found).toEqual([CONTENT.subarray(150, 160)]);
  });
});
