import { CsvError, parse } from 'csv-parse/sync';
import { ApiError } from '../contract/api-error.js';
import type { ImportLine } from '../contract/import-line.js';
import type { BodyRoom } from '../intake/body-memory.js';
import { csvColumns, MAX_COLUMNS, type CsvRules, type Row } from './csv-columns.js';
import { beginCsv, type Separator } from './csv-dialect.js';
import { csvRecords, type CsvRecord } from './csv-records.js';
import type { TextLine } from './split-lines.js';

export interface CsvSettings extends Omit<CsvRules, 'separator'> {
  /** Most bytes of a record. */
  readonly maxBytes: number;
  /** Where a record of many lines takes room while it arrives. */
  readonly room?: Pick<BodyRoom, 'keep' | 'letGo'>;
}

/**
 * Reads comma-, semicolon- or tab-separated values (RFC 4180) with a header line as items, one a record. Rows without a value are
 * passed over.
 * @throws ApiError 400 when the header is missing or names wrong columns; what `BodyRoom.keep` throws
 */
export async function* readCsv(
  text: AsyncGenerator<readonly TextLine[], undefined>,
  { maxBytes, room, kind, mediaTypes }: CsvSettings,
): AsyncGenerator<readonly ImportLine[], undefined> {
  const begin = await beginCsv(text);
  if (begin === null) throw new ApiError(400, { body: 'The first line must name the columns' });
  const { separator } = begin;
  const records = csvRecords(continued(begin.lines, text), maxBytes, separator, room);
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
  const read = cellsOf(record, separator, `Must have at most ${MAX_COLUMNS} columns`);
  if ('problem' in read) throw new ApiError(400, { [`line.${record.line}`]: read.problem });
  return read.cells;
}

/** Whether a record has more cells than any header has columns. Told before it is read: a line may have a million. */
function isWide(text: string, separator: Separator): boolean {
  if (text.length < MAX_COLUMNS) return false;
  let [cells, isQuoted] = [1, false];
  for (let at = 0; at < text.length && cells <= MAX_COLUMNS; at += 1) {
    const character = text[at];
    if (character === '"') isQuoted = !isQuoted;
    else if (character === separator && !isQuoted) cells += 1;
  }
  return cells > MAX_COLUMNS;
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
  const texts = records.flatMap((record) => ('text' in record && !isWide(record.text, separator) ? [record.text] : []));
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
  tooWide = `Has more than ${MAX_COLUMNS} cells`,
): { readonly cells: readonly string[] } | { readonly problem: string } {
  if ('problem' in record) return record;
  let { text } = record;
  if (isWide(text, separator)) {
    const end = withoutBlankEnd(text, separator);
    if (isWide(end, separator)) return { problem: tooWide };
    // As many blank cells as a header may ask for.
    text = end + separator.repeat(MAX_COLUMNS);
  }
  try {
    return { cells: rowsIn(text, separator)[0] ?? [] };
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    return { problem: sentenceOf(error) };
  }
}

function rowsIn(text: string, delimiter: Separator): string[][] {
  // The parser takes 100 ms for 2 MiB; most tables have no quotes, and then there is nothing to parse.
  if (!text.includes('"')) return text.split('\n').map((row) => row.split(delimiter));
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
