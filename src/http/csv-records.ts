import type { Separator } from './csv-dialect.js';
import type { TextLine } from './split-lines.js';

/** A record as it was written; a quoted cell may have taken it over several lines. `line` is its first. */
export type CsvRecord = { readonly line: number; readonly bytes: number } & (
  { readonly text: string } | { readonly problem: string }
);

/**
 * Puts lines together to records of separated values (RFC 4180 section 2.6): a record goes on while a quoted cell is open. A
 * cell that is never closed takes up to `maxBytes` with it; a quote in the middle of a cell opens none. Empty lines between
 * records hold nothing.
 */
export async function* csvRecords(
  text: AsyncIterable<readonly TextLine[]>,
  maxBytes: number,
  separator: Separator,
): AsyncGenerator<readonly CsvRecord[], undefined> {
  const closedCell = new RegExp(`(^|${separator})"(?:[^"]|"")*"(?=${separator}|$)`, 'g');
  const openingQuote = new RegExp(`(^|${separator})"`);
  let open: { line: number; bytes: number; texts: string[] } | null = null;
  const unclosed = (line: number, bytes: number) => ({ line, bytes, problem: 'A quoted cell is not closed' });
  for await (const lines of text) {
    const records: CsvRecord[] = [];
    for (const line of lines) {
      if ('problem' in line) {
        if (open !== null) records.push(unclosed(open.line, open.bytes));
        open = null;
        records.push(line);
      } else if (open !== null) {
        open.bytes += line.bytes + 1;
        open.texts.push(line.text);
        if (open.bytes > maxBytes) records.push(unclosed(open.line, 0));
        else if (!hasOddQuotes(line.text)) continue;
        else records.push({ line: open.line, bytes: open.bytes, text: open.texts.join('\n') });
        open = null;
      } else if (hasOddQuotes(line.text) && openingQuote.test(line.text.replace(closedCell, '$1'))) {
        open = { line: line.line, bytes: line.bytes, texts: [line.text] };
      } else if (line.text !== '') records.push(line);
    }
    if (records.length > 0) yield records;
  }
  if (open !== null) yield [unclosed(open.line, open.bytes)];
}

function hasOddQuotes(text: string): boolean {
  let isOdd = false;
  for (let at = text.indexOf('"'); at !== -1; at = text.indexOf('"', at + 1)) isOdd = !isOdd;
  return isOdd;
}
