import { CsvError, parse } from 'csv-parse/sync';
import { ApiError } from '../contract/api-error.js';
import type { ImportLine } from '../contract/import-line.js';
import { csvColumns, type RowMapping } from './csv-columns.js';
import type { CsvRecord } from './csv-records.js';

/** Setting a parser up costs as much as some ten records. */
const TOGETHER = 200;
/** Records may be long. */
const TOGETHER_BYTES = 256 * 1024;

/**
 * Reads comma-separated values (RFC 4180) with a header line as items, one a record.
 * @throws ApiError 400 when the header is missing or names wrong columns
 */
export async function* readCsv(records: AsyncGenerator<CsvRecord, undefined>): AsyncGenerator<ImportLine, undefined> {
  const first = await records.next();
  if (first.done === true) throw new ApiError(400, { body: 'The first line must name the columns' });
  const header = cellsOf(first.value);
  const { line } = first.value;
  if ('problem' in header) throw new ApiError(400, { [`line.${line}`]: header.problem });
  const toItem = csvColumns(header.cells, line);
  const width = header.cells.length;

  let group: CsvRecord[] = [];
  let bytes = 0;
  for await (const record of records) {
    group.push(record);
    bytes += record.bytes;
    if (group.length < TOGETHER && bytes < TOGETHER_BYTES) continue;
    yield* itemsOf(group, width, toItem);
    group = [];
    bytes = 0;
  }
  yield* itemsOf(group, width, toItem);
}

/** Together when nothing is wrong with any of them, else one by one. */
function* itemsOf(records: readonly CsvRecord[], width: number, toItem: RowMapping): Generator<ImportLine, undefined> {
  const rows = rowsOf(records);
  for (const [index, record] of records.entries()) {
    const { line, bytes } = record;
    const row = rows?.[index];
    const read = row === undefined ? cellsOf(record) : { cells: row };
    if ('problem' in read) yield { line, bytes, problem: read.problem };
    else if (read.cells.length !== width)
      yield { line, bytes, problem: `Has ${read.cells.length} cells, the first line has ${width}` };
    else yield { line, bytes, item: toItem(read.cells) };
  }
}

function rowsOf(records: readonly CsvRecord[]): readonly string[][] | null {
  const texts = records.flatMap((record) => ('text' in record ? [record.text] : []));
  if (texts.length < records.length) return null;
  try {
    const rows = rowsIn(texts.join('\n'));
    return rows.length === records.length ? rows : null;
  } catch {
    return null;
  }
}

function cellsOf(record: CsvRecord): { readonly cells: readonly string[] } | { readonly problem: string } {
  if ('problem' in record) return record;
  try {
    return { cells: rowsIn(record.text)[0] ?? [] };
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    return { problem: sentenceOf(error) };
  }
}

function rowsIn(text: string): string[][] {
  // A CR within a cell is the cell's; lines have been cut already.
  return parse(text, { columns: false, relax_column_count: true, record_delimiter: '\n' });
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
