import type { BodyRoom } from '../intake/body-memory.js';
import { giveWay } from '../intake/turns.js';
import type { Separator } from './csv-dialect.js';
import type { TextLine } from './split-lines.js';

/** A record as it was written; a quoted cell may have taken it over several lines. `line` is its first. */
export type CsvRecord = { readonly line: number; readonly bytes: number } & (
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
export async function* csvRecords(
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
