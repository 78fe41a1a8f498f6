import { Readable } from 'node:stream';
import { Mutex } from 'async-mutex';
import { parse as createParser } from 'csv-parse';
import { CsvError, parse } from 'csv-parse/sync';
import { ApiError } from '../../domain/api-error.js';
import { giveWay, type BodyRoom } from '../../intake/body-memory.js';
import type { ImportLine } from '../../intake/request/envelope.js';
import { csvColumns, MAX_COLUMNS, beginCsv, type Separator, type CsvRules, type Row } from './csv-columns.js';
import type { TextLine } from './split-lines.js';

/** A record as it was written; a quoted cell may have taken it over several lines. `line` is its first. */
type CsvRecord = { readonly line: number; readonly bytes: number } & (
  { readonly text: string } | { readonly problem: string }
);

/** Lines of an open record are put together so many at a time: a string for each of two million takes ten times its text. */
const LINES_TOGETHER = 1_000;
/** A record that is open, up to this, is part of what every stream of lines takes; beyond it room is taken in steps of as much. */
const ROOM_STEP = 64 * 1024;

interface OpenRecord {
  readonly line: number;
  bytes: number;
  readonly parts: string[];
  texts: string[];
}

/**
 * Puts lines together to records of separated values (RFC 4180 section 2.6): a record goes on while a quoted cell is open. A
 * cell that is never closed takes up to `maxBytes` with it; a quote in the middle of a cell opens none. Empty lines between
 * records hold nothing.
 * @param room where an open record takes room, twice its length: its lines, then its text
 * @throws what `BodyRoom.keep` throws
 */
async function* csvRecords(
  text: AsyncIterable<readonly TextLine[]>,
  maxBytes: number,
  separator: Separator,
  room?: Pick<BodyRoom, 'keep' | 'letGo'>,
): AsyncGenerator<readonly CsvRecord[], undefined> {
  const closedCell = new RegExp(`(^|${separator})"(?:[^"]|"")*"(?=${separator}|$)`, 'g');
  const openingQuote = new RegExp(`(^|${separator})"`);
  let open: OpenRecord | null = null;
  let kept = 0;
  const add = (record: OpenRecord, line: { readonly bytes: number; readonly text: string }) => {
    record.bytes += line.bytes + 1;
    record.texts.push(line.text);
    if (record.texts.length === LINES_TOGETHER) {
      record.parts.push(record.texts.join('\n'));
      record.texts = [];
    }
    const more = 2 * record.bytes - kept - ROOM_STEP;
    if (more <= 0) return;
    room?.keep(more + ROOM_STEP);
    kept += more + ROOM_STEP;
  };
  const unclosed = (line: number, bytes: number) => ({ line, bytes, problem: 'A quoted cell is not closed' });
  for await (const lines of text) {
    await giveWay();
    const records: CsvRecord[] = [];
    for (const line of lines) {
      if ('problem' in line) {
        if (open !== null) records.push(unclosed(open.line, open.bytes));
        open = null;
        records.push(line);
      } else if (open !== null) {
        add(open, line);
        if (open.bytes > maxBytes) records.push(unclosed(open.line, 0));
        else if (!hasOddQuotes(line.text)) continue;
        else records.push({ line: open.line, bytes: open.bytes, text: [...open.parts, ...open.texts].join('\n') });
        open = null;
      } else if (hasOddQuotes(line.text) && openingQuote.test(line.text.replace(closedCell, '$1'))) {
        open = { line: line.line, bytes: line.bytes, parts: [], texts: [line.text] };
      } else if (line.text !== '') records.push(line);
    }
    if (records.length > 0) yield records;
    if (open !== null || kept === 0) continue;
    room?.letGo(kept);
    kept = 0;
  }
  if (open !== null) yield [unclosed(open.line, open.bytes)];
}

function hasOddQuotes(text: string): boolean {
  let isOdd = false;
  for (let at = text.indexOf('"'); at !== -1; at = text.indexOf('"', at + 1)) isOdd = !isOdd;
  return isOdd;
}

/** The parser takes some 40 ns a byte, on a busy machine more: so much at once takes about 3 ms. */
const SLICE_BYTES = 64 * 1024;
/** Of the process: what the parser holds beside a record, up to 8 MiB, is in no budget of its own. */
const longRecord = new Mutex();

export interface CsvSettings extends Omit<CsvRules, 'separator'> {
  /** Most bytes of a record. */
  readonly maxBytes: number;
  /** Where a record of many lines takes room while it arrives. */
  readonly room?: Pick<BodyRoom, 'keep' | 'letGo'>;
}

/**
 * Reads comma-, semicolon- or tab-separated values (RFC 4180) with a header line as items, one a record. Rows without a value are
 * passed over. Gives way to other requests within a long record.
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
      toRow = csvColumns(await headerOf(first, separator), first.line, { separator, kind, mediaTypes });
      yield await itemsOf(others, separator, toRow);
    } else if (toRow !== undefined) yield await itemsOf(group, separator, toRow);
  }
}

async function* continued(
  begun: readonly TextLine[],
  rest: AsyncGenerator<readonly TextLine[], undefined>,
): AsyncGenerator<readonly TextLine[], undefined> {
  yield begun;
  yield* rest;
}

async function headerOf(record: CsvRecord, separator: Separator): Promise<readonly string[]> {
  const read = await cellsOf(record, separator, `Must have at most ${MAX_COLUMNS} columns`);
  if ('problem' in read) throw new ApiError(400, { [`line.${record.line}`]: read.problem });
  return read.cells;
}

/** Whether a record has more cells than any header has columns. Told before it is read: a line may have a million. */
function isWide(text: string, separator: Separator): boolean {
  // Most long records have long cells, and then no character has to be looked at.
  if (!hasMany(text, separator)) return false;
  let [cells, isQuoted] = [1, false];
  for (let at = 0; at < text.length && cells <= MAX_COLUMNS; at += 1) {
    const character = text[at];
    if (character === '"') isQuoted = !isQuoted;
    else if (character === separator && !isQuoted) cells += 1;
  }
  return cells > MAX_COLUMNS;
}

/** Whether there are as many separators as a record that is too wide has, within quotes or outside. */
function hasMany(text: string, separator: Separator): boolean {
  let count = 0;
  for (let at = text.indexOf(separator); at !== -1 && count < MAX_COLUMNS; at = text.indexOf(separator, at + 1))
    count += 1;
  return count === MAX_COLUMNS;
}

/** Spreadsheets write blank columns for cells that once had a value or a colour. */
function withoutBlankEnd(text: string, separator: Separator): string {
  let end = text.length;
  while (end > 0 && (text[end - 1] === separator || text[end - 1] === ' ')) end -= 1;
  return text.slice(0, end);
}

/** Together when nothing is wrong with any of them, else one by one: setting the parser up costs as much as some ten records. */
async function itemsOf(
  records: readonly CsvRecord[],
  separator: Separator,
  toRow: (cells: readonly string[]) => Row,
): Promise<ImportLine[]> {
  const rows = await rowsOf(records, separator);
  const items: ImportLine[] = [];
  for (const [index, record] of records.entries()) {
    const othersFirst = giveWay();
    if (othersFirst !== undefined) await othersFirst;
    const { line, bytes } = record;
    const cells = rows?.[index];
    const read = cells === undefined ? await cellsOf(record, separator) : { cells };
    const row = 'problem' in read ? read : toRow(read.cells);
    if (row !== null) items.push({ line, bytes, ...row });
  }
  return items;
}

async function rowsOf(records: readonly CsvRecord[], separator: Separator): Promise<readonly string[][] | null> {
  await giveWay();
  const texts = records.flatMap((record) => ('text' in record && !isWide(record.text, separator) ? [record.text] : []));
  if (texts.length < records.length) return null;
  try {
    const rows = await rowsIn(texts.join('\n'), separator);
    return rows.length === records.length ? rows : null;
  } catch {
    return null;
  }
}

async function cellsOf(
  record: CsvRecord,
  separator: Separator,
  tooWide = `Has more than ${MAX_COLUMNS} cells`,
): Promise<{ readonly cells: readonly string[] } | { readonly problem: string }> {
  if ('problem' in record) return record;
  let { text } = record;
  if (isWide(text, separator)) {
    const end = withoutBlankEnd(text, separator);
    if (isWide(end, separator)) return { problem: tooWide };
    // As many blank cells as a header may ask for.
    text = end + separator.repeat(MAX_COLUMNS);
  }
  try {
    return { cells: (await rowsIn(text, separator))[0] ?? [] };
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    return { problem: sentenceOf(error) };
  }
}

async function rowsIn(text: string, delimiter: Separator): Promise<string[][]> {
  // Most tables have no quotes, and then there is nothing to parse.
  if (!text.includes('"')) return text.split('\n').map((row) => row.split(delimiter));
  // A CR within a cell is the cell's; lines have been cut already.
  const options = { delimiter, relax_column_count: true, record_delimiter: '\n' };
  if (text.length <= SLICE_BYTES) return parse(text, { columns: false, ...options });
  // Slower in all, but it lets others in between two slices.
  return longRecord.runExclusive(
    () => Readable.from(slicesOf(text)).pipe(createParser(options)).toArray() as Promise<string[][]>,
  );
}

async function* slicesOf(text: string): AsyncGenerator<Buffer, undefined> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += SLICE_BYTES) {
    await giveWay();
    yield bytes.subarray(at, at + SLICE_BYTES);
  }
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
