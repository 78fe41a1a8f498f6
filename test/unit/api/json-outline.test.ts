import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createJsonOutliner } from '../../../src/api/bodies/json-outline.js';

/** Parses a text by its outline, in chunks of so many bytes. @throws SyntaxError when a part is no JSON */
function parseByOutline(text: string, chunk = 7): { value: unknown; lists: unknown[][]; marks: number } {
  const bytes = Buffer.from(text);
  const outliner = createJsonOutliner(1_000);
  for (let from = 0; from < bytes.length; from += chunk) outliner.scan(bytes.subarray(from, from + chunk));
  const { frame, lists, marks } = outliner.end();
  const at = ({ from, to }: { from: number; to: number }) => bytes.toString('utf8', from, to);
  const value: unknown = JSON.parse(
    frame.map((span, index) => (index === 0 ? '' : `${index - 1}`) + at(span)).join(''),
  );
  return { value, marks, lists: lists.map(({ elements }) => elements.map((span) => JSON.parse(at(span)) as unknown)) };
}

/** The value that the outline stands for. */
function whole(text: string, chunk?: number): unknown {
  const { value, lists } = parseByOutline(text, chunk);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const members = Object.entries(value).map(([key, member]: [string, unknown]) => [
    key,
    Array.isArray(member) ? lists[member[0] as number] : member,
  ]);
  return Object.fromEntries(members);
}

const parsed = (text: string): unknown => {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return 'no JSON';
  }
};
const outlined = (text: string, chunk?: number): unknown => {
  try {
    return { value: whole(text, chunk) };
  } catch {
    return 'no JSON';
  }
};

describe('createJsonOutliner', () => {
  it.each([
    '{"videos":[]}',
    '{"videos":[ \n]}',
    '{"videos":[1]}',
    '{"videos":[1,]}',
    '{"videos":[,1]}',
    '{"videos":[1,,2]}',
    '{"videos":[\u0001]}',
    '{"videos":[{"a":[1,2,{"b":"]}"}]} , "x,]" ,[[],[3]]],"context":{"l":[1,[2]]},"other":["\\\\","\\""]}',
    '{"videos":[1}',
    '{"a":[1],"videos":[ {"a":1} }, "x":[2]}',
    '{"videos":[ {"a":1} } , "x":[ 2 ] }',
    '{"videos":[{]}]}',
    '{"videos":[1',
    '{"videos":["',
    '{"videos":[1]} x',
    '{"videos":[1]}   ',
    '[1,[2]]',
    '"text"',
    '}{"videos":[1]}',
    '',
    '{"videos" [1]}',
    '{"vid\\u0065os":[1]}',
  ])('reads %j as JSON.parse does', (text) => {
    for (const chunk of [1, 3, 1_000]) expect(outlined(text, chunk)).toEqual(parsed(text));
  });

  it('reads any JSON as JSON.parse does, and refuses whatever it refuses', () => {
    const values = fc.dictionary(fc.string(), fc.oneof(fc.jsonValue(), fc.array(fc.jsonValue())), { maxKeys: 4 });
    // Without own keys called __proto__, which `Object.fromEntries` of this test and JSON.parse define alike.
    const change = fc.record({ at: fc.nat(), by: fc.constantFrom('', '[', ']', '{', '}', ',', '"', '\\', '1') });
    fc.assert(
      fc.property(values, fc.option(change, { nil: null }), fc.constantFrom(undefined, 1), (value, edit, indent) => {
        let text = JSON.stringify(value, null, indent);
        if (edit !== null) {
          const at = edit.at % text.length;
          text = text.slice(0, at) + edit.by + text.slice(at + 1);
        }
        // A list that is given twice is lost, and told so by its number alone.
        expect(outlined(text)).toEqual(parsed(text));
      }),
      { numRuns: 500 },
    );
  });

  it('counts what tells values of an element and of the rest, outside of quotes', () => {
    const outliner = createJsonOutliner(10);
    outliner.scan(Buffer.from('{"a":{"b":[1,2]},"videos":[{"x,[":[{},{}]},5]}'));
    const { lists, marks } = outliner.end();

    // { { [ , , [ and { [ { , {
    expect(marks).toBe(6);
    expect(lists[0]?.elements.map((element) => element.marks)).toEqual([5, 0]);
  });

  it('counts all elements and keeps the places of the first only', () => {
    const outliner = createJsonOutliner(10);
    outliner.scan(Buffer.from(`{"videos":[${'{},'.repeat(99)}{}]}`));
    const { lists } = outliner.end();

    expect(lists[0]?.length).toBe(100);
    expect(lists[0]?.elements).toHaveLength(10);
  });

  it('takes more than eight lists for too large', () => {
    expect(
      parseByOutline(`{${Array.from({ length: 8 }, (_, index) => `"k${index}":[1]`).join(',')}}`).lists,
    ).toHaveLength(8);
    const outliner = createJsonOutliner(10);
    outliner.scan(Buffer.from(`{${Array.from({ length: 9 }, (_, index) => `"k${index}":[1]`).join(',')}}`));

    expect(outliner.end().marks).toBe(Number.POSITIVE_INFINITY);
  });
});
