import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { escapeAllButLayout, escapeControls } from '../../../src/telemetry/logger.js';

/** Cc: C0, DEL and C1. Bidi_Control and the two separators, as Unicode lists them. */
const STEERS = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u;
const STEERS_BUT_LAYOUT = /(?![\n\t])[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u;

/** Texts of which half the characters steer a terminal. */
const hostile = fc.string({
  unit: fc.oneof(
    fc.constantFrom(
      ...Array.from(
        '\u0000\u0007\b\t\n\r\u001b\u007f\u0080\u009b\u009d\u061c\u200e\u200f\u2028\u2029\u202a\u202e\u2066\u2069',
      ),
    ),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  ),
});

describe('escapeControls', () => {
  it('leaves nothing that a terminal acts on, whatever the text', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(escapeControls(text)).not.toMatch(STEERS);
      }),
    );
  });

  it('changes no character that only shows', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        fc.pre(!STEERS.test(text));
        expect(escapeControls(text)).toBe(text);
      }),
    );
  });

  it('keeps the value of JSON text', () => {
    fc.assert(
      fc.property(fc.dictionary(hostile, hostile), (value) => {
        expect(JSON.parse(escapeControls(JSON.stringify(value)))).toEqual({ ...value });
      }),
    );
  });

  it.each([
    ['a sequence that sets the title of a terminal', 'a\u001b]0;pwned\u0007', 'a\\u001b]0;pwned\\u0007'],
    ['the one-byte form of such a sequence', '\u009d52;c;cHduZWQ=\u009c', '\\u009d52;c;cHduZWQ=\\u009c'],
    ['a name that reads backwards', 'photo\u202egpj.exe', 'photo\\u202egpj.exe'],
    ['a line that is not ours', 'id\nImport ended well', 'id\\u000aImport ended well'],
  ])('shows %s as what it is', (_name, text, shown) => {
    expect(escapeControls(text)).toBe(shown);
  });
});

describe('escapeAllButLayout', () => {
  it('leaves line breaks and tabs, and nothing else that a terminal acts on', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const shown = escapeAllButLayout(text);
        expect(shown).not.toMatch(STEERS_BUT_LAYOUT);
        expect(shown.match(/[\n\t]/g)).toEqual(text.match(/[\n\t]/g));
      }),
    );
  });
});
