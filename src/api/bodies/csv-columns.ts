import { ApiError } from '../../domain/api-error.js';
import type { Kind } from '../../domain/import.js';
import type { MetadataField, MediaType, MediaTypes } from '../../domain/media.js';
import { parseJson } from '../../domain/parse-json.js';
import { MAX_ITEM_MARKS, TOO_MANY_VALUES } from '../../intake/request/item.js';
import { countMarks } from './ndjson.js';
import type { TextLine } from './split-lines.js';

/** What may stand between cells: comma (RFC 4180), semicolon (spreadsheets where the comma is the decimal sign), tab. */
export type Separator = ',' | ';' | '\t';

const SEPARATORS: readonly Separator[] = [',', ';', '\t'];
/** Columns of a batch; a name more is enough to tell separators apart, and a line of 2 MiB may hold a million. */
const NAMES_TO_COUNT = 1_001;
const COLUMN_NAME = /^(?:url|id|filename|mediatype)$|^metadata\./i;
/** A name may be as long as the line; no column needs more of it to be known. */
const NAME_LENGTH = 1_000;
/** Spreadsheets take the separator from such a first line, and some write it. */
const DECLARATION = /^"?sep=([^"]?)"?[,;\t]*$/i;
const BLANK_ROW = /^[\s",;]*$/;

/** How a text of cells is written, and its lines from the header on as far as they were read. */
export interface CsvBegin {
  readonly separator: Separator;
  readonly lines: readonly TextLine[];
}

/** Reads up to the header: past blank rows and a line that declares the separator. Null when there is no header. */
export async function beginCsv(text: AsyncGenerator<readonly TextLine[], undefined>): Promise<CsvBegin | null> {
  let declared: Separator | undefined;
  for (;;) {
    const next = await text.next();
    if (next.done === true) return null;
    for (const [index, line] of next.value.entries()) {
      const lines = next.value.slice(index);
      if ('problem' in line) return { separator: ',', lines };
      const mark = line.line === 1 ? DECLARATION.exec(line.text)?.[1] : undefined;
      if (mark !== undefined) {
        declared = SEPARATORS.find((separator) => separator === mark);
        const problem = 'sep= must name a comma, a semicolon or a tab';
        if (declared === undefined) return { separator: ',', lines: [{ line: line.line, bytes: line.bytes, problem }] };
      } else if (!BLANK_ROW.test(line.text)) return { separator: declared ?? separatorOf(line.text), lines };
    }
  }
}

/** The separator that cuts a header into the most names of columns; a comma when none does. */
function separatorOf(header: string): Separator {
  const counts = SEPARATORS.map((separator) => {
    const names = header.split(separator, NAMES_TO_COUNT);
    return names.filter((name) => COLUMN_NAME.test(name.slice(0, NAME_LENGTH).replaceAll('"', '').trim())).length;
  });
  return SEPARATORS[counts.indexOf(Math.max(...counts))] ?? ',';
}

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
function cellText(cell: string): string {
  return ESCAPED.test(cell) ? cell.slice(1) : cell;
}

/**
 * The value of a metadata cell that is not blank, by the type of its field. What does not read as its type stays text, which the rules
 * of the field then refuse by name. An integer that a double cannot hold becomes a bigint, which is refused like one in JSON.
 */
function cellValue(text: string, field: MetadataField | undefined, separator: Separator): unknown {
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
function listMarks(text: string, field: MetadataField | undefined): number {
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

const REQUIRED = ['url', 'id', 'fileName'] as const;
const OWN_COLUMNS: ReadonlyMap<string, string> = new Map(
  [...REQUIRED, 'mediaType'].map((name) => [name.toLowerCase(), name]),
);
const METADATA = 'metadata.';
/** Far more than a media type has fields; every row is as wide as its header. */
export const MAX_COLUMNS = 1_000;
/** A name may be as long as the line; the sentence quotes it. */
const MAX_SHOWN = 100;

/** How rows are read: the separator, and the media types whose fields say what a cell is. */
export interface CsvRules {
  readonly separator: Separator;
  readonly kind: Kind;
  readonly mediaTypes: MediaTypes;
}

/** What a row holds; null when all of its cells are blank. */
export type Row = { readonly item: Record<string, unknown> } | { readonly problem: string } | null;

/** A column of the batch (`url`), or one of the metadata as the header has it (`Title`). */
interface Column {
  readonly name: string;
  readonly isMetadata: boolean;
}

/** A column as a media type reads it: the key of its value, and the field that tells the type. */
interface TypedColumn extends Column {
  readonly field: MetadataField | undefined;
}

/**
 * Reads the rows below a header of url, id, fileName and, where wanted, mediaType and metadata.* columns, whose names have no case. A
 * blank cell is a value that is absent.
 * @throws ApiError 400 that names the line of the header
 */
export function csvColumns(
  header: readonly string[],
  line: number,
  rules: CsvRules,
): (cells: readonly string[]) => Row {
  const names = header.map((name) => name.trim());
  while (names.at(-1) === '') names.pop();
  const columns = names.map(columnOf);
  const problem = problemOf(names, columns);
  if (problem !== null) throw new ApiError(400, { [`line.${line}`]: problem });
  const known = columns.filter((column) => column !== null);
  const required = 1 + Math.max(...REQUIRED.map((name) => known.findIndex((column) => column.name === name)));
  const mediaTypeAt = known.findIndex(({ name, isMetadata }) => !isMetadata && name === 'mediaType');
  const typed = new Map<MediaType | undefined, readonly TypedColumn[]>();

  const columnsFor = (cells: readonly string[]): readonly TypedColumn[] => {
    const handle = (cells[mediaTypeAt] ?? '').trim();
    const mediaType = rules.mediaTypes.get(handle === '' ? rules.kind : handle);
    const found = typed.get(mediaType) ?? typedColumns(known, mediaType);
    typed.set(mediaType, found);
    return found;
  };

  return (cells) => {
    const length = 1 + cells.findLastIndex((cell) => cell.trim() !== '');
    if (length === 0) return null;
    // Spreadsheets leave out blank cells at the end of a row, or write more of them than there are columns.
    if (length > known.length || cells.length < required)
      return { problem: `Has ${cells.length} cells, the header has ${known.length}` };
    return rowOf(cells, columnsFor(cells), rules.separator);
  };
}

function columnOf(name: string): Column | null {
  const own = OWN_COLUMNS.get(name.toLowerCase());
  if (own !== undefined) return { name: own, isMetadata: false };
  const field = name.slice(METADATA.length).trim();
  const isMetadata = field !== '' && name.slice(0, METADATA.length).toLowerCase() === METADATA;
  return isMetadata ? { name: field, isMetadata } : null;
}

function problemOf(names: readonly string[], columns: readonly (Column | null)[]): string | null {
  const shown = (name: string | undefined) => `"${(name ?? '').slice(0, MAX_SHOWN)}"`;
  if (columns.length > MAX_COLUMNS) return `Must have at most ${MAX_COLUMNS} columns`;
  if (names.some((name) => /^https?:\/\//i.test(name)))
    return `Must name the columns, such as ${REQUIRED.join(',')}, and is an item`;
  const keys = columns.map((column) => column && keyOf(column));
  const seen = new Set(keys);
  const missing = REQUIRED.filter((name) => !seen.has(name));
  if (missing.length > 0 && columns.length === 1)
    return `Has one column only, ${shown(names[0])}: cells must be separated by comma, semicolon or tab`;
  if (missing.length > 0) return `Lacks the column ${missing.join(', ')}`;
  const unknown = columns.indexOf(null);
  if (unknown !== -1 && names[unknown] === '') return `Column ${unknown + 1} has no name`;
  if (unknown !== -1)
    return `The column ${shown(names[unknown])} is not one of ${REQUIRED.join(', ')}, mediaType, metadata.*`;
  if (seen.size === columns.length) return null;
  const twice = keys.findIndex((key, at) => keys.indexOf(key) !== at);
  return `The column ${shown(names[twice])} is there twice`;
}

/** No two columns of a batch may have the same. */
function keyOf({ name, isMetadata }: Column): string {
  return isMetadata ? `metadata.${name}` : name;
}

/** A metadata column means the field of its name; without one, the only field whose name differs from it in case alone. */
function typedColumns(columns: readonly Column[], mediaType: MediaType | undefined): TypedColumn[] {
  const fields = mediaType?.metadata ?? [];
  const byHandle = new Map(fields.map((field) => [field.handle, field]));
  const byLetters = onlyOnes(fields, ({ handle }) => handle);
  const alone = onlyOnes(
    columns.filter(({ isMetadata }) => isMetadata),
    ({ name }) => name,
  );
  return columns.map((column) => {
    if (!column.isMetadata) return { ...column, field: undefined };
    const letters = column.name.toLowerCase();
    const field = byHandle.get(column.name) ?? (alone.has(letters) ? byLetters.get(letters) : undefined);
    return { ...column, name: field?.handle ?? column.name, field };
  });
}

/** Those that no other is the same as when case is left out of account, by their name in lower case. */
function onlyOnes<T>(all: readonly T[], nameOf: (one: T) => string): ReadonlyMap<string, T> {
  const found = new Map<string, T>();
  const repeated = new Set<string>();
  for (const one of all) {
    const letters = nameOf(one).toLowerCase();
    if (found.has(letters)) repeated.add(letters);
    found.set(letters, one);
  }
  for (const letters of repeated) found.delete(letters);
  return found;
}

function rowOf(cells: readonly string[], columns: readonly TypedColumn[], separator: Separator): Row {
  const own: [string, unknown][] = [];
  const metadata: [string, unknown][] = [];
  let marks = 0;
  for (const [index, { name, isMetadata, field }] of columns.entries()) {
    const text = cellText(cells[index] ?? '');
    if (text.trim() === '') continue;
    if (!isMetadata) {
      own.push([name, name === 'mediaType' ? text.trim() : text]);
      continue;
    }
    const listed = listMarks(text, field);
    const value = marks + listed > MAX_ITEM_MARKS ? null : cellValue(text, field, separator);
    marks += Array.isArray(value) ? Math.max(value.length, listed) : listed;
    if (marks > MAX_ITEM_MARKS) return { problem: TOO_MANY_VALUES };
    metadata.push([name, value]);
  }
  // fromEntries keeps a column called metadata.__proto__ as an own key, which is then refused like any other.
  return { item: { ...Object.fromEntries(own), metadata: Object.fromEntries(metadata) } };
}
