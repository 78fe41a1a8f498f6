import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseJson } from '../../../src/domain/parse-json.js';

describe('parseJson', () => {
  it.each([
    ['{"a":9007199254740991}', { a: 9007199254740991 }],
    ['{"a":-9007199254740991}', { a: -9007199254740991 }],
    ['{"a":9007199254740993}', { a: 9007199254740992n }],
    ['{"a": -9007199254740993}', { a: -9007199254740992n }],
    ['[1,\n 12345678901234567890 ]', [1, 12345678901234567000n + 168n]],
    ['{"a":12345678901234567.5}', { a: 12345678901234568n }],
    ['{"a":{"b":[{"c":9007199254740993}]}}', { a: { b: [{ c: 9007199254740992n }] } }],
    ['{"a":6.022e23,"b":1e300,"c":0.12345678901234567890}', { a: 6.022e23, b: 1e300, c: 0.12345678901234568 }],
    ['{"a":1234567890123456e-3}', { a: 1234567890123.456 }],
    ['{"9007199254740993":"9007199254740993"}', { '9007199254740993': '9007199254740993' }],
    ['{"a":"\\\\","b":"\\",9007199254740993","c":1}', { a: '\\', b: '",9007199254740993', c: 1 }],
    ['{"a":"x:9007199254740993","b":[9007199254740993]}', { a: 'x:9007199254740993', b: [9007199254740992n] }],
  ])('reads %s', (text, value) => {
    expect(parseJson(text)).toEqual(value);
  });

  it('keeps an own __proto__, within which integers are looked at too', () => {
    const value = parseJson('{"__proto__":{"a":9007199254740993},"b":9007199254740993}') as object;

    expect(Object.entries(value)).toEqual([
      ['__proto__', { a: 9007199254740992n }],
      ['b', 9007199254740992n],
    ]);
    const replaced = parseJson('{"__proto__":9007199254740993}') as object;
    expect(Object.entries(replaced)).toEqual([['__proto__', 9007199254740992n]]);
  });

  it('throws at what is no JSON', () => {
    expect(() => parseJson('{"a":9007199254740993')).toThrow(SyntaxError);
  });

  it('reads all JSON as JSON.parse does, but for the type of integers beyond 2^53', () => {
    const long = fc.constantFrom('1234567890123456789', ':1234567890123456789', '\\', '"', ',1234567890123456789,"');
    const value = fc.jsonValue({ stringUnit: fc.oneof(long, fc.string({ maxLength: 3, unit: 'binary' })) });
    const asNumbers = (any: unknown): unknown => {
      if (typeof any === 'bigint') return Number.isSafeInteger(Number(any)) ? 'safe' : Number(any);
      if (typeof any !== 'object' || any === null) return any;
      if (Array.isArray(any)) return any.map(asNumbers);
      return Object.fromEntries(Object.entries(any).map(([key, child]) => [key, asNumbers(child)]));
    };

    fc.assert(
      fc.property(value, (any) => {
        const text = JSON.stringify(any);
        expect(asNumbers(parseJson(text))).toEqual(JSON.parse(text));
      }),
    );
  });

  it('finds one integer among any values, by value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n }), (any, integer) => {
        const text = `{"a":${JSON.stringify(any)},"b":${String(integer)},"c":${JSON.stringify(any)}}`;
        expect(parseJson(text)).toMatchObject({ b: BigInt(Number(integer)) });
      }),
    );
  });

  it.each([
    ['strings of quotes', `{"a":9007199254740993,"b":"${'\\"'.repeat(2_000_000)}"}`],
    ['backslashes', `{"a":9007199254740993,"b":"${'\\\\'.repeat(2_000_000)}"}`],
    ['digits', `{"a":${'1'.repeat(300)},"b":[${'12345678901234567,'.repeat(900_000)}0]}`],
    ['short strings', `{"b":[${'"",'.repeat(5_000_000)}9007199254740993]}`],
    ['short numbers', `{"b":[${'0,'.repeat(8_000_000)}9007199254740993]}`],
    ['fractions', `{"b":[${'0.1234567890123456789,'.repeat(700_000)}9007199254740993]}`],
    ['blanks', `{"a":9007199254740993,"b":[${`0,${' '.repeat(1_000)}`.repeat(2_000)}0]}`],
    ['levels', `${'[9007199254740993,'.repeat(200_000)}0${']'.repeat(200_000)}`],
  ])('spends little time on many %s', (_name, text) => {
    const before = process.cpuUsage();
    parseJson(text);
    const { user, system } = process.cpuUsage(before);

    // The slowest takes 0.8 s for 16 MB; work that grows with the square would take minutes.
    expect((user + system) / 1_000).toBeLessThan(5_000);
  });
});
