import { CsvError, parse } from 'csv-parse/sync';

const REQUIRED = ['url', 'id', 'fileName'] as const;
const OPTIONAL = 'mediaType';
const METADATA = 'metadata.';
const KNOWN: readonly string[] = [...REQUIRED, OPTIONAL];

interface Row {
  readonly record: readonly string[];
  readonly info: { readonly lines: number };
}

/**
 * Reads comma-separated values (RFC 4180) with a header line: url, id, fileName, and as wanted mediaType and metadata.* columns.
 * An empty mediaType or metadata cell is a value that is absent.
 * @throws Error that names the line, or the column of the header
 */
export function readCsvItems(text: string): { items: Record<string, unknown>[]; lines: number[] } {
  const [header, ...rows] = rowsOf(text);
  if (header === undefined) throw new Error('is empty: the first line must name the columns');
  const columns = header.record.map((name) => name.trim());
  checkColumns(columns);
  return {
    items: rows.map(({ record }) => itemOf(columns, record)),
    // The parser tells the line that a record ends on; a quoted cell may hold line breaks.
    lines: rows.map(({ record, info }) => info.lines - lineBreaksIn(record)),
  };
}

function rowsOf(text: string): readonly Row[] {
  try {
    return parse(text, { info: true, skip_empty_lines: true, columns: false }) as unknown as Row[];
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const line: unknown = error['lines'];
    throw new Error(`line ${String(line)}: ${sentenceOf(error)}`, { cause: error });
  }
}

function sentenceOf({ code }: CsvError): string {
  switch (code) {
    case 'CSV_RECORD_INCONSISTENT_FIELDS_LENGTH':
    case 'CSV_RECORD_INCONSISTENT_COLUMNS':
      return 'has another number of cells than the first line';
    case 'CSV_QUOTE_NOT_CLOSED':
      return 'a quoted cell that begins here or before is not closed';
    case 'INVALID_OPENING_QUOTE':
    case 'CSV_INVALID_CLOSING_QUOTE':
      return 'has a quote within a cell; a cell with quotes must be quoted and its quotes doubled';
    default:
      return 'is not valid CSV';
  }
}

function checkColumns(columns: readonly string[]): void {
  const missing = REQUIRED.filter((name) => !columns.includes(name));
  if (missing.length > 0) throw new Error(`line 1: lacks the column ${missing.join(', ')}`);
  for (const [index, name] of columns.entries()) {
    const isKnown = KNOWN.includes(name) || (name.startsWith(METADATA) && name !== METADATA);
    if (!isKnown)
      throw new Error(`line 1: the column "${name}" is not one of ${REQUIRED.join(', ')}, mediaType, metadata.*`);
    if (columns.indexOf(name) !== index) throw new Error(`line 1: the column "${name}" is there twice`);
  }
}

function itemOf(columns: readonly string[], cells: readonly string[]): Record<string, unknown> {
  const pairs = columns.map((name, index) => [name, cells[index] ?? ''] as const);
  const metadata = pairs
    .filter(([name, cell]) => name.startsWith(METADATA) && cell !== '')
    .map(([name, cell]) => [name.slice(METADATA.length), cell] as const);
  const own = pairs.filter(([name, cell]) => !name.startsWith(METADATA) && (name !== OPTIONAL || cell !== ''));
  return { ...Object.fromEntries(own), metadata: Object.fromEntries(metadata) };
}

function lineBreaksIn(cells: readonly string[]): number {
  return cells.reduce((sum, cell) => sum + cell.split('\n').length - 1, 0);
}
