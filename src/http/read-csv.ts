import { CsvError, parse } from 'csv-parse/sync';
import { ApiError } from '../contract/api-error.js';
import type { ImportLine } from '../contract/import-line.js';
import { csvColumns, type RowMapping } from './csv-columns.js';
import type { CsvRecord } from './csv-records.js';

/**
 * Reads comma-separated values (RFC 4180) with a header line as items, one a record.
 * @throws ApiError 400 when the header is missing or names wrong columns
 */
export async function* readCsv(
  records: AsyncGenerator<readonly CsvRecord[], undefined>,
): AsyncGenerator<readonly ImportLine[], undefined> {
  const begun = await records.next();
  const [first, ...others] = begun.done === true ? [] : begun.value;
  if (first === undefined) throw new ApiError(400, { body: 'The first line must name the columns' });
  const header = cellsOf(first);
  const { line } = first;
  if ('problem' in header) throw new ApiError(400, { [`line.${line}`]: header.problem });
  const toItem = csvColumns(header.cells, line);
  const width = header.cells.length;

  yield itemsOf(others, width, toItem);
  for await (const group of records) yield itemsOf(group, width, toItem);
}

/** Together when nothing is wrong with any of them, else one by one: setting the parser up costs as much as some ten records. */
function itemsOf(records: readonly CsvRecord[], width: number, toItem: RowMapping): ImportLine[] {
  const rows = rowsOf(records);
  return records.map((record, index) => {
    const { line, bytes } = record;
    const row = rows?.[index];
    const read = row === undefined ? cellsOf(record) : { cells: row };
    if ('problem' in read) return { line, bytes, problem: read.problem };
    const { length } = read.cells;
    if (length === width) return { line, bytes, item: toItem(read.cells) };
    return { line, bytes, problem: `Has ${length} cells, the first line has ${width}` };
  });
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
