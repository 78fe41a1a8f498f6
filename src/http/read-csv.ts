import { CsvError, parse } from 'csv-parse/sync';
import { ApiError } from '../contract/api-error.js';
import type { ImportLine } from '../contract/import-line.js';
import { csvColumns, MAX_COLUMNS, type CsvRules, type Row } from './csv-columns.js';
import { beginCsv, type Separator } from './csv-dialect.js';
import { csvRecords, type CsvRecord } from './csv-records.js';
import type { TextLine } from './split-lines.js';

export interface CsvSettings extends Omit<CsvRules, 'separator'> {
  /** Most bytes of a record. */
  readonly maxBytes: number;
}

/**
 * Reads comma-, semicolon- or tab-separated values (RFC 4180) with a header line as items, one a record. Rows without a value are
 * passed over.
 * @throws ApiError 400 when the header is missing or names wrong columns
 */
export async function* readCsv(
  text: AsyncGenerator<readonly TextLine[], undefined>,
  { maxBytes, kind, mediaTypes }: CsvSettings,
): AsyncGenerator<readonly ImportLine[], undefined> {
  const begin = await beginCsv(text);
  if (begin === null) throw new ApiError(400, { body: 'The first line must name the columns' });
  const { separator } = begin;
  const records = csvRecords(continued(begin.lines, text), maxBytes, separator);
  let toRow: ((cells: readonly string[]) => Row) | undefined;
  for await (const group of records) {
    const [first, ...others] = group;
    if (toRow === undefined && first !== undefined) {
      toRow = csvColumns(headerOf(first, separator), first.line, { separator, kind, mediaTypes });
      yield itemsOf(others, separator, toRow);
    } else if (toRow !== undefined) yield itemsOf(group, separator, toRow);
  }
}

async function* continued(
  begun: readonly TextLine[],
  rest: AsyncGenerator<readonly TextLine[], undefined>,
): AsyncGenerator<readonly TextLine[], undefined> {
  yield begun;
  yield* rest;
}

function headerOf(record: CsvRecord, separator: Separator): readonly string[] {
  // Counted before it is read: a line may have a million cells.
  const isWide =
    'text' in record && withoutBlankEnd(record.text, separator).split(separator, MAX_COLUMNS + 1).length > MAX_COLUMNS;
  const read = isWide ? { problem: `Must have at most ${MAX_COLUMNS} columns` } : cellsOf(record, separator);
  if ('problem' in read) throw new ApiError(400, { [`line.${record.line}`]: read.problem });
  return read.cells;
}

/** Spreadsheets write blank columns for cells that once had a value or a colour. */
function withoutBlankEnd(text: string, separator: Separator): string {
  let end = text.length;
  while (end > 0 && (text[end - 1] === separator || text[end - 1] === ' ')) end -= 1;
  return text.slice(0, end);
}

/** Together when nothing is wrong with any of them, else one by one: setting the parser up costs as much as some ten records. */
function itemsOf(
  records: readonly CsvRecord[],
  separator: Separator,
  toRow: (cells: readonly string[]) => Row,
): ImportLine[] {
  const rows = rowsOf(records, separator);
  return records.flatMap((record, index): ImportLine[] => {
    const { line, bytes } = record;
    const cells = rows?.[index];
    const read = cells === undefined ? cellsOf(record, separator) : { cells };
    const row = 'problem' in read ? read : toRow(read.cells);
    return row === null ? [] : [{ line, bytes, ...row }];
  });
}

function rowsOf(records: readonly CsvRecord[], separator: Separator): readonly string[][] | null {
  const texts = records.flatMap((record) => ('text' in record ? [record.text] : []));
  if (texts.length < records.length) return null;
  try {
    const rows = rowsIn(texts.join('\n'), separator);
    return rows.length === records.length ? rows : null;
  } catch {
    return null;
  }
}

function cellsOf(
  record: CsvRecord,
  separator: Separator,
): { readonly cells: readonly string[] } | { readonly problem: string } {
  if ('problem' in record) return record;
  try {
    return { cells: rowsIn(record.text, separator)[0] ?? [] };
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    return { problem: sentenceOf(error) };
  }
}

function rowsIn(text: string, delimiter: Separator): string[][] {
  // A CR within a cell is the cell's; lines have been cut already.
  return parse(text, { columns: false, delimiter, relax_column_count: true, record_delimiter: '\n' });
}

function sentenceOf({ code }: CsvError): string {
  switch (code) {
    case 'CSV_QUOTE_NOT_CLOSED':
      return 'A quoted cell is not closed';
    case 'INVALID_OPENING_QUOTE':
    case 'CSV_INVALID_CLOSING_QUOTE':
      return 'Has a quote within a cell; a cell with quotes must be quoted and its quotes doubled';
    default:
      return 'Must be valid CSV';
  }
}
