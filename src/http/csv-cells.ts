import { MAX_ITEM_MARKS } from '../contract/import-item.js';
import type { MetadataField } from '../contract/media-type.js';
import { parseJson } from '../contract/parse-json.js';
import { countMarks } from './read-ndjson.js';
import type { Separator } from './csv-dialect.js';

/** What a spreadsheet would run as a formula is exported behind an apostrophe (OWASP, CSV injection). */
const ESCAPED = /^'[=+\-@\t\r]/;
const WHOLE_NUMBER = /^[+-]?\d+$/;
const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i;
const DECIMAL_COMMA = /^[+-]?\d+,\d+$/;
/** As spreadsheets write them in English, German and French, and as people do. */
const BOOLEANS: Readonly<Record<string, boolean>> = {
  ...{ true: true, yes: true, '1': true, wahr: true, vrai: true },
  ...{ false: false, no: false, '0': false, falsch: false, faux: false },
};
/** What stands between the entries of a list: the first of these that the cell has. */
const LIST_SEPARATORS = ['|', ';', ','] as const;

/** The text of a cell, without the apostrophe that keeps spreadsheets from running it. */
export function cellText(cell: string): string {
  return ESCAPED.test(cell) ? cell.slice(1) : cell;
}

/**
 * The value of a metadata cell that is not blank, by the type of its field. What does not read as its type stays text, which the rules
 * of the field then refuse by name. An integer that a double cannot hold becomes a bigint, which is refused like one in JSON.
 */
export function cellValue(text: string, field: MetadataField | undefined, separator: Separator): unknown {
  const trimmed = text.trim();
  switch (field?.type) {
    case 'li-integer':
      return WHOLE_NUMBER.test(trimmed) ? wholeNumber(trimmed) : text;
    case 'li-float':
      return numberOf(trimmed, separator) ?? text;
    case 'li-boolean': {
      const word = trimmed.toLowerCase();
      return Object.hasOwn(BOOLEANS, word) ? BOOLEANS[word] : text;
    }
    case 'li-enum':
      // Text as it is written is meant first; "3" is a number only where the field knows no such text.
      return (
        field.config.enum?.find((allowed) => allowed === text) ??
        field.config.enum?.find((allowed) => String(allowed) === trimmed) ??
        text
      );
    case 'li-string-list':
      return jsonList(trimmed) ?? listOf(trimmed);
    default:
      return text;
  }
}

/** How many values a list may be, as `countMarks` tells it before it is read; 0 for what is not written as a list of JSON. */
export function listMarks(text: string, field: MetadataField | undefined): number {
  return field?.type === 'li-string-list' && text.trimStart().startsWith('[') ? countMarks(text) : 0;
}

function wholeNumber(text: string): number | bigint {
  const value = Number(text);
  // Only that it is a bigint matters, and reading a megabyte of digits takes long.
  return Number.isSafeInteger(value) ? value : BigInt(text.slice(0, 20));
}

function numberOf(text: string, separator: Separator): number | bigint | null {
  if (WHOLE_NUMBER.test(text)) return wholeNumber(text);
  // Where the comma is the decimal sign, spreadsheets put semicolons between cells; elsewhere it may group thousands.
  const plain = separator === ';' && DECIMAL_COMMA.test(text) ? text.replace(',', '.') : text;
  const value = NUMBER.test(plain) ? Number(plain) : Number.NaN;
  return Number.isFinite(value) ? value : null;
}

function jsonList(text: string): unknown[] | null {
  if (!text.startsWith('[')) return null;
  try {
    return parseJson(text) as unknown[];
  } catch {
    // Text that only begins like a list.
    return null;
  }
}

function listOf(text: string): string[] {
  const between = LIST_SEPARATORS.find((mark) => text.includes(mark));
  const entries = between === undefined ? [text] : text.split(between, MAX_ITEM_MARKS + 1);
  // So many are refused, blank or not.
  return entries.length > MAX_ITEM_MARKS
    ? entries
    : entries.map((entry) => entry.trim()).filter((entry) => entry !== '');
}
