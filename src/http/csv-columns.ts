import { ApiError } from '../contract/api-error.js';
import { MAX_ITEM_MARKS, TOO_MANY_VALUES } from '../contract/import-item.js';
import type { Kind } from '../contract/kinds.js';
import type { MediaType, MediaTypes, MetadataField } from '../contract/media-type.js';
import { cellText, cellValue, listMarks } from './csv-cells.js';
import type { Separator } from './csv-dialect.js';

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
